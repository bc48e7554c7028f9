//! Has the kernel run rwatch's own threads soon after they are woken.
//!
//! Each of them has next to nothing to do, and a restart waits for it. On a busy machine whoever is
//! woken waits until the one that runs has used up its slice, some milliseconds; and an event goes
//! through several threads. Since Linux 6.12 a thread may ask for slices that are shorter than the
//! others', and it comes before them then. It does not get more of the processor for that
//! (sched_setattr(2), `sched_runtime`; "EEVDF Scheduler" in the kernel's documentation).
//!
//! COMMAND is none of rwatch's threads: it starts with the slices that rwatch was given.

/// The slices that rwatch was given, and those that it has.
#[derive(Clone, Copy, Debug)]
pub struct Slices {
    #[cfg(target_os = "linux")]
    given: linux::Attributes,
    #[cfg(target_os = "linux")]
    ours: linux::Attributes,
}

/// Where nobody can ask for anything, nobody does.
#[cfg(not(target_os = "linux"))]
impl Slices {
    pub fn shorten() -> Option<Self> {
        None
    }

    pub(super) fn hand_down<T>(&self, work: impl FnOnce() -> T) -> T {
        work()
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use nix::errno::Errno;
    use nix::libc;

    use super::Slices;

    /// The shortest that there are, in nanoseconds.
    const SHORT: u64 = 100_000;

    /// What sched_setattr(2) calls `struct sched_attr`, in its first version.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, Default)]
    pub(super) struct Attributes {
        size: u32,
        policy: u32,
        flags: u64,
        nice: i32,
        priority: u32,
        runtime: u64,
        deadline: u64,
        period: u64,
    }

    const SIZE: u32 = 48;
    const _: () = assert!(size_of::<Attributes>() == SIZE as usize);

    impl Slices {
        /// Asks for short slices for this thread, and for those that it starts from now on. None if
        /// that cannot be had, or if whoever started us wants us to be scheduled in some other way.
        pub fn shorten() -> Option<Self> {
            let mut given = Attributes::get().ok()?;
            let is_plain = given.policy == libc::SCHED_OTHER.cast_unsigned() && given.nice <= 0;
            // Before Linux 6.12 it is 0.
            if !is_plain || given.runtime <= SHORT {
                return None;
            }
            // It may be that of everybody, which goes by the name of 0.
            let usual = Attributes {
                runtime: 0,
                ..given
            };
            usual.set().ok()?;
            if Attributes::get().ok()?.runtime == given.runtime {
                given = usual;
            }
            let ours = Attributes {
                runtime: SHORT,
                ..given
            };
            ours.set().or_else(|_| given.set()).ok()?;
            Some(Self { given, ours })
        }

        /// Does what hands down the slices.
        pub(in crate::process) fn hand_down<T>(&self, work: impl FnOnce() -> T) -> T {
            // What has been set once can be set again.
            let _ = self.given.set();
            let done = work();
            let _ = self.ours.set();
            done
        }
    }

    #[allow(unsafe_code)]
    impl Attributes {
        /// Those of this thread.
        fn get() -> Result<Self, Errno> {
            let mut found = Self::default();
            // SAFETY: the kernel writes at most as many bytes as it is told to, all of which belong
            // to `found`, whose fields are numbers.
            let done = unsafe { libc::syscall(libc::SYS_sched_getattr, 0, &mut found, SIZE, 0) };
            Errno::result(done)?;
            Ok(found)
        }

        /// Makes them those of this thread.
        fn set(&self) -> Result<(), Errno> {
            let wanted = Self {
                size: SIZE,
                ..*self
            };
            // SAFETY: the kernel reads as many bytes as `size` says, which is what `wanted` has.
            let done = unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &wanted, 0) };
            Errno::result(done).map(drop)
        }
    }
}
