//! Waits for the next thing to happen on a terminal of which somebody else is to read what there is.
//!
//! poll(2) tells that there is something to read until somebody has read it, and that a terminal is
//! gone for ever: whoever may not read would spin. An edge-triggered epoll(7) tells once that
//! something came, and then waits for more. It is made when it is first needed, which is never for
//! most.

use std::fs::File;
use std::io::PipeReader;
use std::os::fd::AsFd as _;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
#[cfg(target_os = "linux")]
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

/// How long to wait where there are no edges, or no descriptor is left for them.
const WITHOUT: Duration = Duration::from_millis(300);

/// What waits.
#[derive(Default)]
pub(super) struct Edges {
    #[cfg(target_os = "linux")]
    epoll: Option<Epoll>,
}

impl Edges {
    /// Waits until something more is typed, the modes change, or there is something in `woken`.
    /// What has come since the last time counts.
    pub(super) fn wait(&mut self, tty: &File, woken: &PipeReader) {
        if !self.waited(tty, woken) {
            let mut fds = [PollFd::new(woken.as_fd(), PollFlags::POLLIN)];
            let _ = poll(
                &mut fds,
                PollTimeout::try_from(WITHOUT).unwrap_or(PollTimeout::MAX),
            );
        }
    }

    /// False: there are no edges.
    #[cfg(target_os = "linux")]
    fn waited(&mut self, tty: &File, woken: &PipeReader) -> bool {
        if self.epoll.is_none() {
            self.epoll = watch(tty, woken).ok();
        }
        let Some(epoll) = &self.epoll else {
            return false;
        };
        let _ = epoll.wait(&mut [EpollEvent::empty(); 2], EpollTimeout::NONE);
        true
    }

    #[cfg(not(target_os = "linux"))]
    fn waited(&mut self, _: &File, _: &PipeReader) -> bool {
        false
    }
}

#[cfg(target_os = "linux")]
fn watch(tty: &File, woken: &PipeReader) -> nix::Result<Epoll> {
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
    let edge = EpollFlags::EPOLLIN | EpollFlags::EPOLLET;
    epoll.add(tty, EpollEvent::new(edge, 0))?;
    epoll.add(woken, EpollEvent::new(EpollFlags::EPOLLIN, 1))?;
    Ok(epoll)
}
