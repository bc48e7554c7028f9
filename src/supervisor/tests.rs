//! Plays histories to the supervisor: written ones, line by line, and random ones.
//!
//! A *transcript* is script and expectation in one. A line reads `time event, event | actions`:
//! at that time (ms, the rest is cut off) this happens, and rwatch answers it so; `·` is nothing.
//! What is said to the user is in quotes. The left half is played, the right half is compared.
//! `elapsed` is not played: it shows where the supervisor's own deadline came. At the end the
//! deadlines run until there is none, so that a transcript tells all that follows. Unless it arms
//! the watches itself, it begins when they stand: with run 1 started at 0, or postponed.
//!
//! | event | |
//! |---|---|
//! | `change b` | the file b changed; `change` is that of the file a |
//! | `gone b` | it went away |
//! | `soft b` | it was written to and is still open |
//! | `change b c` | both did |
//! | `new b` | it is new |
//! | `change*` | another one did, each time |
//! | `1000..9000 change b` | the same every 2 ms |
//! | `lock` `unlock` | git takes its lock, or lets go of it; nobody is told before he asks |
//! | `calmed` | it was not written to after all |
//! | `collected` `unsettled` | the answer to `collect`; where there is neither, it comes at once |
//! | `not found` `not executable` `no memory` | the run could not be started |
//! | `begun` | it had to wait for a file that it starts with, and begins only now |
//! | `exited` | its leader is gone and left others behind |
//! | `emptied 1` `killed 9` | nobody is left; the leader had this code, or died of this signal |
//! | `emptied 1 of 7` | the same of another run than the latest; `of build`: of the latest build |
//! | `SIGINT` `SIGTERM` `SIGHUP` | rwatch is asked to end; `SIGINT@90` was noticed at 90 |
//! | `asks` | COMMAND was stopped because it wants the terminal |
//! | `ctrl-z` `interrupted` | it has the terminal, and was stopped by Ctrl-Z, or died of Ctrl-C |
//! | `suspended` `resumed` | rwatch is to be stopped, or goes on |
//! | `froze 500` | for so long nothing could happen |
//! | `rs` `q` `h` `x` | keys |
//! | `at work` `asleep` | so COMMAND was found when rwatch looked |
//! | `SIGUSR1` … | rwatch got what is for COMMAND |
//! | `early` | the deadline's event, although nothing is due |

mod player;
mod world;

use std::fmt::Write as _;

use self::player::Player;

/// Makes tests of transcripts: `name: "command line" "transcript" …;`, one module for each state.
macro_rules! transcripts {
    ($($(#[$doc:meta])* $state:ident {
        $($name:ident: $($command:literal $transcript:literal)+;)+
    })+) => {$(
        $(#[$doc])*
        mod $state {
            $(#[test]
            fn $name() {
                $(super::check($command, $transcript);)+
            })+
        }
    )+};
}

transcripts! {
    /// Before the watches stand.
    arming {
        the_first_run_starts_when_the_watches_stand: "rwatch" "
            20 armed | 'starting', spawn 1 start
        ";
        postponed_it_waits_for_the_first_change: "rwatch -p" "
              20 armed   | 'postponed'
            5000 change  | ·
            5004 elapsed | collect, 'a changed, starting', spawn 1 change a
        ";
        who_is_asked_to_end_ends: "rwatch" "
            10 SIGTERM | finish SIGTERM
            20 armed   | ·
        ";
        nothing_else_matters: "rwatch" "
            10 change, soft, gone, unsettled, collected   | ·
            10 not found, no memory, exited, emptied 0    | ·
            10 not found of 1, exited of 1, killed 9 of 1 | ·
            10 calmed, SIGUSR1, early                     | ·
            20 armed                                      | 'starting', spawn 1 start
        ";
    }

    /// A build has to succeed before COMMAND is started.
    building_at_the_start {
        the_first_run_starts_when_it_is_built: "rwatch -b" "
            20 armed              | 'building', build 1 before 1 start
            99 emptied 0 of build | 'built after 79, starting', spawn 1 start
        ";
        a_build_that_fails_waits_for_a_change: "rwatch -b" "
              20 armed              | 'building', build 1 before 1 start
              99 emptied 2 of build | 'build 2 after 79: Wait'
            1000 change             | ·
            1004 elapsed            | collect, 'a changed, building', build 2 before 1 change a
            1100 emptied 0 of build | 'built after 96, starting', spawn 1 change a
        ";
        with_nothing_to_wait_for_it_ends_with_its_code: "rwatch -b -m 5" "
            20 armed              | 'building', build 1 before 1 start
            99 emptied 2 of build | 'build 2 after 79: End', finish 2
        " "rwatch -b -m 5" "
            20 armed              | 'building', build 1 before 1 start
            20 not found of build | 'build 127: End', finish 127
        ";
        postponed_it_begins_with_the_first_change: "rwatch -b -p" "
              20 armed              | 'postponed'
            1000 change             | ·
            1004 elapsed            | collect, 'a changed, building', build 1 before 1 change a
            1100 emptied 0 of build | 'built after 96, starting', spawn 1 change a
        ";
        who_is_asked_to_end_ends_when_the_build_has: "rwatch -b" "
              0 armed               | 'building', build 1 before 1 start
             50 SIGINT              | 'SIGINT: asked', SIGINT build 1
             60 change              | ·
             70 SIGINT              | ·
            250 SIGINT              | 'killing', kill build 1
            260 killed 9 of build   | finish SIGINT
        ";
        a_build_that_overstays_is_killed: "rwatch -b --stop-timeout 3000" "
               0 armed              | 'building', build 1 before 1 start
              50 SIGTERM            | 'SIGTERM: asked', SIGTERM build 1
            2050 elapsed            | name build 1 (kill in 1000)
            3050 elapsed            | 'killing', kill build 1
            3060 killed 9 of build  | finish SIGTERM
        ";
    }

    /// A build has to succeed before COMMAND is replaced.
    building_beside_a_run {
        the_old_run_stays_until_it_is_built: "rwatch -b" "
               0 armed              | 'building', build 1 before 1 start
              10 emptied 0 of build | 'built after 10, starting', spawn 1 start
            1000 change             | ·
            1004 elapsed            | collect, 'a changed, building', build 2 before 2 change a
            2004 emptied 0 of build | 'built after 1000', 'SIGTERM: change', SIGTERM 1
            2100 emptied 0          | spawn 2 change a
        ";
        the_old_run_stays_if_the_build_fails: "rwatch -b" "
               0 armed              | 'building', build 1 before 1 start
              10 emptied 0 of build | 'built after 10, starting', spawn 1 start
            1000 change             | ·
            1004 elapsed            | collect, 'a changed, building', build 2 before 2 change a
            2004 emptied 1 of build | 'build 1 after 1000: Stay'
            3000 change b           | ·
            3004 elapsed            | collect, 'b +1 changed, building', build 3 before 2 change b a
            4004 emptied 0 of build | 'built after 1000', 'SIGTERM: change', SIGTERM 1
            4010 emptied 0          | spawn 2 change b a
        ";
        a_change_stops_the_build_and_begins_another: "rwatch -b" "
               0 armed              | 'building', build 1 before 1 start
              10 emptied 0 of build | 'built after 10, starting', spawn 1 start
            1000 change             | ·
            1004 elapsed            | collect, 'a changed, building', build 2 before 2 change a
            1500 change b           | 'SIGTERM: change', SIGTERM build 2
            1504 elapsed            | collect, 'b +1 changed, building'
            1600 killed 15 of build | build 3 before 2 change b a
            1700 emptied 0 of build | 'built after 100', 'SIGTERM: change', SIGTERM 1
            1800 emptied 0          | spawn 2 change b a
        ";
        a_change_after_it_was_built_builds_again: "rwatch -b" "
               0 armed              | 'building', build 1 before 1 start
              10 emptied 0 of build | 'built after 10, starting', spawn 1 start
            1000 change             | ·
            1004 elapsed            | collect, 'a changed, building', build 2 before 2 change a
            2004 emptied 0 of build | 'built after 1000', 'SIGTERM: change', SIGTERM 1
            2010 change b           | ·
            2014 elapsed            | collect, 'b +1 changed, building', build 3 before 2 change b a
            2100 emptied 0          | ·
            2200 emptied 0 of build | 'built after 186', spawn 2 change b a
        ";
        what_it_leaves_behind_is_stopped_before_it_is_judged: "rwatch -b" "
               0 armed              | 'building', build 1 before 1 start
              10 exited of build    | 'SIGTERM: leftovers', SIGTERM build 1
              20 emptied 0 of build | 'built after 20, starting', spawn 1 start
        ";
        an_exit_meanwhile_waits_for_the_build: "rwatch -b" "
               0 armed              | 'building', build 1 before 1 start
              10 emptied 0 of build | 'built after 10, starting', spawn 1 start
            1000 change             | ·
            1004 elapsed            | collect, 'a changed, building', build 2 before 2 change a
            1500 emptied 3          | 'code 3 after 1490: wait'
            2004 emptied 0 of build | 'built after 1000', spawn 2 change a
        " "rwatch -b" "
               0 armed              | 'building', build 1 before 1 start
              10 emptied 0 of build | 'built after 10, starting', spawn 1 start
            1000 change             | ·
            1004 elapsed            | collect, 'a changed, building', build 2 before 2 change a
            1500 emptied 3          | 'code 3 after 1490: wait'
            2004 emptied 1 of build | 'build 1 after 1000: Wait'
        ";
        restarts_after_exits_start_what_there_is: "rwatch -b -r always" "
               0 armed              | 'building', build 1 before 1 start
              10 emptied 0 of build | 'built after 10, starting', spawn 1 start
            1000 change             | ·
            1004 elapsed            | collect, 'a changed, building', build 2 before 2 change a
            1500 emptied 3          | 'code 3 after 1490: again in 100'
            1600 elapsed            | spawn 2 exit
            2004 emptied 0 of build | 'built after 1000', 'SIGTERM: change', SIGTERM 2
            2100 emptied 0          | spawn 3 change a
        ";
        both_are_ended: "rwatch -b" "
               0 armed              | 'building', build 1 before 1 start
              10 emptied 0 of build | 'built after 10, starting', spawn 1 start
            1000 change             | ·
            1004 elapsed            | collect, 'a changed, building', build 2 before 2 change a
            1500 SIGINT             | 'SIGINT: asked', SIGINT build 2, 'SIGINT: asked', SIGINT 1
            1600 emptied 0          | ·
            1700 killed 2 of build  | finish SIGINT
        ";
        what_the_terminal_sends_reaches_both: "rwatch -b" "
               0 armed              | 'building', build 1 before 1 start
               5 SIGWINCH           | relay SIGWINCH to all of build 1
               6 SIGUSR1            | ·
              10 emptied 0 of build | 'built after 10, starting', spawn 1 start
            1000 rs                 | 'by hand', 'building', build 2 before 2 manual
            1005 SIGQUIT            | relay SIGQUIT to all of 1, relay SIGQUIT to all of build 2
            1006 SIGUSR1            | relay SIGUSR1 1
            1010 killed 3 of build  | 'build 131 after 10: Stay'
        ";
        ctrl_c_in_commands_terminal_ends_both: "rwatch -b" "
               0 armed              | 'building', build 1 before 1 start
              10 emptied 0 of build | 'built after 10, starting', spawn 1 start
            1000 change             | ·
            1004 elapsed            | collect, 'a changed, building', build 2 before 2 change a
            2004 emptied 0 of build | 'built after 1000', 'SIGTERM: change', SIGTERM 1
            2010 change b           | ·
            2014 elapsed            | collect, 'b +1 changed, building', build 3 before 2 change b a
            2100 interrupted        | 'SIGINT: asked', SIGINT build 3
            2101 killed 2           | ·
            2110 killed 2 of build  | finish SIGINT
        ";
        the_policy_goes_on_beside_it: "rwatch -b -r always" "
               0 armed              | 'building', build 1 before 1 start
              10 emptied 0 of build | 'built after 10, starting', spawn 1 start
            1000 emptied 3          | 'code 3 after 990: again in 100'
            1010 change             | ·
            1014 elapsed            | collect, 'a changed, building', build 2 before 2 change a
            1050 emptied 1 of build | 'build 1 after 36: Policy'
            1100 elapsed            | spawn 2 exit
        " "rwatch -b -m 3" "
               0 armed              | 'building', build 1 before 1 start
              10 emptied 0 of build | 'built after 10, starting', spawn 1 start
            1000 exited             | name daemons 1, 'SIGTERM: leftovers', SIGTERM 1
            1010 rs                 | 'by hand', 'building', build 2 before 2 manual
            1050 emptied 1 of build | 'build 1 after 40: Policy'
            1100 emptied 3          | 'code 3 after 990: again in 100, 1 of 3'
            1200 elapsed            | spawn 2 exit
        ";
        what_was_built_starts_although_the_budget_is_used_up: "rwatch -b -m 0 -w" "
               0 armed              | 'building', build 1 before 1 start
              10 emptied 0 of build | 'built after 10, starting', spawn 1 start
            1000 change             | ·
            1004 elapsed            | collect, 'a changed, building', build 2 before 2 change a
            1500 emptied 3          | 'code 3 after 1490: wait'
            1990 soft b             | ·
            2000 emptied 0 of build | 'built after 996'
            2010 calmed             | spawn 2 change a
        " "rwatch -b -m 0 -w" "
               0 armed              | 'building', build 1 before 1 start
              10 emptied 0 of build | 'built after 10, starting', spawn 1 start
            1000 change             | ·
            1004 elapsed            | collect, 'a changed, building', build 2 before 2 change a
            1500 emptied 3          | 'code 3 after 1490: wait'
            2000 emptied 1 of build | 'build 1 after 996: End', finish 3
        ";
        what_cannot_start_now_is_tried_again: "rwatch -b" "
               0 armed              | 'building', build 1 before 1 start
               0 no memory of build | 'build 125: Again(100ms)'
             100 elapsed            | build 2 before 1 start
             110 emptied 0 of build | 'built after 10, starting', spawn 1 start
             110 no memory          | '125: again in 100'
             210 elapsed            | spawn 2 start
             210 no memory          | '125: again in 200'
             410 elapsed            | spawn 3 start
        ";
        by_hand_it_is_built_too: "rwatch -b" "
               0 armed              | 'building', build 1 before 1 start
              10 emptied 0 of build | 'built after 10, starting', spawn 1 start
            1000 rs                 | 'by hand', 'building', build 2 before 2 manual
            2000 emptied 0 of build | 'built after 1000', 'SIGTERM: by hand', SIGTERM 1
            2100 emptied 0          | spawn 2 manual
        ";
    }

    /// No run, and nothing to do before the next change.
    waiting {
        a_change_starts_when_its_burst_is_over: "rwatch" "
              50 emptied 1 | 'code 1 after 50: wait'
            1000 change    | ·
            1004 elapsed   | collect, 'a changed', spawn 2 change a
        ";
        a_soft_change_counts_after_100_ms_and_holds_the_burst_open_for_1_s: "rwatch -p" "
            1000 soft    | ·
            1100 elapsed | ·
            2000 elapsed | collect, 'a changed, starting', spawn 1 change a
        ";
        a_soft_change_that_was_none_is_forgotten: "rwatch -p" "
            1000 soft   | ·
            1050 calmed | ·
        ";
        an_unsettled_burst_lasts_longer: "rwatch -p" "
            1000 soft      | ·
            1048 unsettled | ·
            1100 elapsed   | ·
            2000 elapsed   | 'waiting for a'
            2048 elapsed   | collect
            2048 collected | 'a changed, starting', spawn 1 change a
        ";
        who_is_asked_to_end_ends: "rwatch" "
              50 emptied 1 | 'code 1 after 50: wait'
            1000 SIGINT    | finish SIGINT
        ";
        nothing_else_matters: "rwatch" "
               0 armed                              | 'starting', spawn 1 start
              50 emptied 1                          | 'code 1 after 50: wait'
            1000 armed, unsettled, collected, early | ·
            1000 not found, no memory, exited       | ·
            1000 emptied 0, emptied 0 of 2, SIGUSR1 | ·
        ";
    }

    /// No run, and a burst that is not over.
    settling {
        the_quiet_time_grows_with_the_burst: "rwatch -p" "
            1000..1400 change  | ·
                  1454 elapsed | collect, 'a changed, starting', spawn 1 change a
        ";
        a_file_that_went_away_has_50_ms_to_come_back: "rwatch -p" "
            1000 gone    | ·
            1050 elapsed | collect, 'a changed, starting', spawn 1 change a
        " "rwatch -p" "
            1000 gone    | ·
            1040 change  | ·
            1049 elapsed | collect, 'a changed, starting', spawn 1 change a
        ";
        delay_is_the_quiet_time: "rwatch -p -d 300" "
            1000 change           | ·
            1200 change b, gone c | ·
            1500 elapsed          | collect, 'a +2 changed, starting', spawn 1 change a b c
        ";
        a_soft_change_that_was_none_holds_up_nothing: "rwatch" "
            1000 change    | 'SIGTERM: change', SIGTERM 1
            1004 elapsed   | collect, 'a changed'
            1010 soft b    | ·
            1020 emptied 0 | ·
            1030 calmed    | spawn 2 change a
        ";
        an_unsettled_burst_is_asked_about_again: "rwatch -p" "
            1000 change    | ·
            1004 elapsed   | collect
            1008 unsettled | ·
            1016 elapsed   | collect
            1020 collected | 'a changed, starting', spawn 1 change a
        ";
        what_comes_before_the_answer_is_asked_about_too: "rwatch -p" "
            1000 change    | ·
            1004 elapsed   | collect
            1008 change b  | ·
            1010 collected | ·
            1017 elapsed   | collect
            1020 collected | 'a +1 changed, starting', spawn 1 change a b
        ";
        only_the_last_answer_starts: "rwatch -p" "
            1000 change    | ·
            1004 elapsed   | collect
            1008 change b  | ·
            1017 elapsed   | collect
            1018 collected | ·
            1020 collected | 'a +1 changed, starting', spawn 1 change a b
        ";
        who_is_asked_to_end_ends: "rwatch -p" "
            1000 change    | ·
            1004 elapsed   | collect
            1009 SIGHUP    | finish SIGHUP
            1010 collected | ·
        ";
        nothing_else_matters: "rwatch" "
               0 armed                             | 'starting', spawn 1 start
            1000 change                            | 'SIGTERM: change', SIGTERM 1
            1001 emptied 0                         | ·
            1002 armed, not found, no memory       | ·
            1002 exited, emptied 0, emptied 0 of 2 | ·
            1002 calmed, SIGUSR1, early            | ·
            1004 elapsed                           | collect, 'a changed', spawn 2 change a
        ";
    }

    /// No run, and a pause before the next one.
    backing_off {
        the_next_run_starts_after_the_pause: "rwatch -m 1" "
             50 emptied 1 | 'code 1 after 50: again in 100, 1 of 1'
            150 elapsed   | spawn 2 exit
        ";
        a_change_cuts_the_pause_short: "rwatch -m 5 -w" "
             50 emptied 1 | 'code 1 after 50: again in 100, 1 of 5'
             60 change    | ·
             64 elapsed   | collect, 'a changed', spawn 2 change a
        ";
        a_soft_change_cuts_it_short_when_it_counts: "rwatch -m 5 -w" "
               1 soft      | ·
              50 emptied 1 | 'code 1 after 50: again in 100, 1 of 5'
              65 unsettled | ·
             101 elapsed   | ·
            1001 elapsed   | 'waiting for a'
            1065 elapsed   | collect
            1066 collected | 'a changed', spawn 2 change a
        ";
        a_soft_change_that_does_not_count_yet_does_not_matter: "rwatch -m 5 -w" "
              50 emptied 1 | 'code 1 after 50: again in 100, 1 of 5'
              60 soft      | ·
             150 elapsed   | spawn 2 exit
             160 elapsed   | 'SIGTERM: change', SIGTERM 2
             170 emptied 0 | ·
            1060 elapsed   | collect, 'a changed', spawn 3 change a
        " "rwatch -m 5 -w" "
              50 emptied 1 | 'code 1 after 50: again in 100, 1 of 5'
              60 soft      | ·
              70 calmed    | ·
             150 elapsed   | spawn 2 exit
        ";
        who_is_asked_to_end_ends: "rwatch -m 5" "
            50 emptied 1 | 'code 1 after 50: again in 100, 1 of 5'
            60 SIGTERM   | finish SIGTERM
        ";
        nothing_else_matters: "rwatch -m 5 -w" "
              0 armed                              | 'starting', spawn 1 start
             50 emptied 1                          | 'code 1 after 50: again in 100, 1 of 5'
             60 armed, unsettled, collected, early | ·
             60 not found, no memory, exited       | ·
             60 emptied 0, emptied 0 of 2, SIGUSR1 | ·
            150 elapsed                            | spawn 2 exit
        ";
    }

    /// The run is up.
    running {
        a_change_stops_it_and_the_next_one_starts_when_burst_and_run_are_over: "rwatch" "
            1000 change    | 'SIGTERM: change', SIGTERM 1
            1003 emptied 0 | ·
            1004 elapsed   | collect, 'a changed', spawn 2 change a
        " "rwatch" "
            1000 change    | 'SIGTERM: change', SIGTERM 1
            1004 elapsed   | collect, 'a changed'
            1090 emptied 0 | spawn 2 change a
        ";
        a_soft_change_stops_it_after_100_ms: "rwatch" "
            1000 soft      | ·
            1048 unsettled | ·
            1100 elapsed   | 'SIGTERM: change', SIGTERM 1
            1110 emptied 0 | ·
            2000 elapsed   | 'waiting for a'
            2048 elapsed   | collect
            2049 collected | 'a changed', spawn 2 change a
        ";
        a_soft_change_that_is_closed_stops_it_at_once: "rwatch" "
            1000 soft      | ·
            1040 change    | 'SIGTERM: change', SIGTERM 1
            1041 emptied 0 | ·
            1049 elapsed   | collect, 'a changed', spawn 2 change a
        ";
        a_soft_change_that_was_none_is_forgotten: "rwatch" "
            1000 soft   | ·
            1099 calmed | ·
        " "rwatch" "
            1000 soft      | ·
            1100 elapsed   | 'SIGTERM: change', SIGTERM 1
            1101 calmed    | ·
            1200 emptied 0 | ·
            2000 elapsed   | collect, 'a changed', spawn 2 change a
        ";
        its_end_is_followed_by_what_the_policy_says: "rwatch" "
            2300 killed 11 | 'signal 11 after 2300: wait'
        ";
        how_long_it_ran_is_counted_from_when_it_began: "rwatch" "
            2000 begun     | ·
            2300 emptied 1 | 'code 1 after 300: wait'
        " "rwatch -b" "
               0 armed              | 'building', build 1 before 1 start
            2000 begun of build     | ·
            2300 emptied 2 of build | 'build 2 after 300: Wait'
        ";
        what_its_leader_left_behind_is_stopped: "rwatch" "
            700 exited    | name daemons 1, 'SIGTERM: leftovers', SIGTERM 1
            800 emptied 3 | 'code 3 after 700: wait'
        ";
        what_cannot_be_run_is_not_tried_again_before_a_change: "rwatch -m 5 -w" "
               0 not found      | '127: wait'
            1000 change         | ·
            1004 elapsed        | collect, 'a changed', spawn 2 change a
            1008 not executable | '126: wait'
        ";
        what_cannot_be_run_is_the_end_where_nothing_is_watched: "rwatch -m 5" "
            0 not found | '127: end', finish 127
        " "rwatch -m 5" "
            0 not executable | '126: end', finish 126
        ";
        a_start_that_failed_for_now_is_tried_again: "rwatch -m 0" "
               0 no memory | '125: again in 100'
             100 elapsed   | spawn 2 start
             100 no memory | '125: again in 200'
             300 elapsed   | spawn 3 start
        ";
        the_next_try_is_for_the_same_changes: "rwatch -w" "
            1000 change    | 'SIGTERM: change', SIGTERM 1
            1004 elapsed   | collect, 'a changed'
            1009 emptied 0 | spawn 2 change a
            1009 no memory | '125: again in 100'
            1109 elapsed   | spawn 3 change a
            1109 no memory | '125: again in 200'
            1200 change b  | ·
            1204 elapsed   | collect, 'b joins', spawn 4 change a b
        ";
        sigterm_is_answered_with_the_stop_signal: "rwatch -s SIGQUIT" "
            100 SIGTERM   | 'SIGQUIT: asked', SIGQUIT 1
            200 emptied 0 | finish SIGTERM
        ";
        ctrl_c_is_passed_on_as_it_is: "rwatch -s SIGQUIT" "
            100 SIGINT   | 'SIGINT: asked', SIGINT 1
            200 killed 2 | finish SIGINT
        ";
        what_is_for_command_is_passed_on: "rwatch" "
            100 SIGUSR1, SIGUSR2  | relay SIGUSR1 1, relay SIGUSR2 1
            200 SIGQUIT, SIGWINCH | relay SIGQUIT to all of 1, relay SIGWINCH to all of 1
        ";
        nothing_else_matters: "rwatch -m 5 -w" "
              0 armed                              | 'starting', spawn 1 start
             50 emptied 0                          | 'code 0 after 50: again in 100, 1 of 5'
            150 elapsed                            | spawn 2 exit
            200 armed, unsettled, collected, early | ·
            200 not found of 1, exited of 1        | ·
            200 emptied 0 of 1, emptied 0 of 3     | ·
        ";
    }

    /// The run is on its way down, and the next one is to follow.
    stopping_to_restart {
        what_changes_meanwhile_joins_the_restart: "rwatch" "
            1000 change    | 'SIGTERM: change', SIGTERM 1
            1004 elapsed   | collect, 'a changed'
            1100 change b  | ·
            1104 elapsed   | collect, 'b joins'
            1200 change b  | ·
            1204 elapsed   | collect
            1300 emptied 0 | spawn 2 change a b
        ";
        a_burst_that_is_not_over_goes_on_without_the_run: "rwatch" "
            1000 change    | 'SIGTERM: change', SIGTERM 1
            1004 elapsed   | collect
            1008 unsettled | ·
            1016 elapsed   | collect
            1016 emptied 0 | ·
            1020 collected | 'a changed', spawn 2 change a
        ";
        a_soft_change_that_was_none_is_forgotten: "rwatch" "
            1000 change    | 'SIGTERM: change', SIGTERM 1
            1004 elapsed   | collect, 'a changed'
            1010 soft b    | ·
            1020 calmed    | ·
            1030 emptied 0 | spawn 2 change a
        ";
        who_stays_is_named_after_2_s_and_killed_after_5: "rwatch" "
            1000 change   | 'SIGTERM: change', SIGTERM 1
            1004 elapsed  | collect, 'a changed'
            3000 elapsed  | name 1 (kill in 3000)
            6000 elapsed  | 'killing', kill 1
            6001 killed 9 | spawn 2 change a
        ";
        the_end_of_the_leader_is_not_the_end_of_the_run: "rwatch --stop-timeout 1000" "
            1000 change    | 'SIGTERM: change', SIGTERM 1
            1001 exited    | ·
            1004 elapsed   | collect, 'a changed'
            2000 elapsed   | 'killing', kill 1
            2001 emptied 0 | spawn 2 change a
        ";
        who_is_asked_to_end_sends_no_second_stop_signal: "rwatch" "
            1000 change    | 'SIGTERM: change', SIGTERM 1
            1001 SIGTERM   | ·
            1100 emptied 0 | finish SIGTERM
        ";
        ctrl_c_is_passed_on_and_the_next_one_kills: "rwatch" "
            1000 change   | 'SIGTERM: change', SIGTERM 1
            1004 elapsed  | collect, 'a changed'
            1010 SIGINT   | 'SIGINT: asked', SIGINT 1
            1310 SIGINT   | 'killing', kill 1
            1320 killed 9 | finish SIGINT
        ";
        nothing_else_matters: "rwatch" "
               0 armed                              | 'starting', spawn 1 start
            1000 change                             | 'SIGTERM: change', SIGTERM 1
            1001 armed, not found, no memory, early | ·
            1001 exited of 0, emptied 0 of 0        | ·
            1002 SIGUSR1                            | relay SIGUSR1 1
            1004 elapsed                            | collect, 'a changed'
            1009 emptied 0                          | spawn 2 change a
        ";
    }

    /// The leader ended by itself; whom it left behind is on the way down.
    stopping_by_itself {
        the_policy_applies_when_they_are_gone: "rwatch -m 1" "
             500 exited    | name daemons 1, 'SIGTERM: leftovers', SIGTERM 1
             600 emptied 0 | 'code 0 after 500: again in 100, 1 of 1'
             700 elapsed   | spawn 2 exit
             900 exited    | name daemons 2, 'SIGTERM: leftovers', SIGTERM 2
             901 SIGUSR2   | relay SIGUSR2 2
            2900 elapsed   | name 2 (kill in 3000)
            5900 elapsed   | 'killing', kill 2
            5901 emptied 4 | 'code 4 after 200: gave up after 1', finish 4
        ";
        a_change_makes_it_a_restart_that_costs_nothing: "rwatch -m 1 -w" "
            500 exited    | name daemons 1, 'SIGTERM: leftovers', SIGTERM 1
            510 change    | ·
            514 elapsed   | collect
            518 unsettled | ·
            526 elapsed   | collect
            528 collected | 'a changed'
            600 emptied 1 | spawn 2 change a
            700 emptied 1 | 'code 1 after 100: again in 100, 1 of 1'
            800 elapsed   | spawn 3 exit
        ";
        a_soft_change_makes_it_a_restart_when_it_counts: "rwatch" "
             500 exited    | name daemons 1, 'SIGTERM: leftovers', SIGTERM 1
             510 soft      | ·
             526 unsettled | ·
             610 elapsed   | ·
             650 emptied 1 | ·
            1510 elapsed   | 'waiting for a'
            1526 elapsed   | collect
            1527 collected | 'a changed', spawn 2 change a
        " "rwatch" "
             500 exited    | name daemons 1, 'SIGTERM: leftovers', SIGTERM 1
             510 soft      | ·
             520 calmed    | ·
             650 emptied 1 | 'code 1 after 500: wait'
        ";
        who_is_asked_to_end_ends_when_they_are_gone: "rwatch -m 3" "
            500 exited    | name daemons 1, 'SIGTERM: leftovers', SIGTERM 1
            510 SIGTERM   | ·
            600 emptied 0 | finish SIGTERM
        " "rwatch -m 3" "
            500 exited    | name daemons 1, 'SIGTERM: leftovers', SIGTERM 1
            510 SIGINT    | 'SIGINT: asked', SIGINT 1
            600 emptied 0 | finish SIGINT
        ";
        nothing_else_matters: "rwatch" "
              0 armed                                 | 'starting', spawn 1 start
            500 exited                                | name daemons 1, 'SIGTERM: leftovers', SIGTERM 1
            510 armed, not found, no memory, exited   | ·
            510 emptied 0 of 0, emptied 0 of 2, early | ·
            510 unsettled, collected                  | ·
            600 emptied 0                             | 'code 0 after 500: wait'
        ";
    }

    /// Somebody asked rwatch to end, and the run is on its way down.
    stopping_to_end {
        a_second_ctrl_c_kills: "rwatch" "
            100 SIGINT   | 'SIGINT: asked', SIGINT 1
            900 SIGINT   | 'killing', kill 1
            901 killed 9 | finish SIGINT
        ";
        the_first_who_asked_decides_how_it_ends: "rwatch" "
            100 SIGTERM  | 'SIGTERM: asked', SIGTERM 1
            400 SIGINT   | 'SIGINT: asked', SIGINT 1
            410 SIGTERM  | ·
            700 SIGINT   | 'killing', kill 1
            701 killed 9 | finish SIGTERM
        " "rwatch" "
            100 SIGINT    | 'SIGINT: asked', SIGINT 1
            400 SIGTERM   | 'SIGTERM: asked', SIGTERM 1
            700 SIGHUP    | ·
            800 emptied 0 | finish SIGINT
        ";
        a_stop_signal_that_is_ctrl_cs_goes_out_once: "rwatch -s SIGINT" "
            100 SIGINT   | 'SIGINT: asked', SIGINT 1
            400 SIGTERM  | ·
            700 SIGINT   | 'killing', kill 1
            701 killed 9 | finish SIGINT
        " "rwatch -s SIGINT" "
            1000 change   | 'SIGINT: change', SIGINT 1
            1001 SIGINT   | ·
            1300 SIGINT   | 'killing', kill 1
            1301 killed 9 | finish SIGINT
        ";
        who_stays_is_named_and_killed_and_named_again: "rwatch" "
              100 SIGTERM   | 'SIGTERM: asked', SIGTERM 1
             2100 elapsed   | name 1 (kill in 3000)
             5100 elapsed   | 'killing', kill 1
             7100 elapsed   | name 1 (no hope)
            60000 emptied 0 | finish SIGTERM
        " "rwatch" "
             100 SIGINT   | 'SIGINT: asked', SIGINT 1
            2100 elapsed  | name 1 (Ctrl-C)
            2200 SIGINT   | 'killing', kill 1
            4200 elapsed  | name 1 (no hope)
            9000 killed 9 | finish SIGINT
        ";
        a_change_matters_no_more: "rwatch -m 5 -w" "
            1000 change           | 'SIGTERM: change', SIGTERM 1
            1004 elapsed          | collect
            1009 SIGTERM          | ·
            1010 collected        | ·
            1020 change b, soft c | ·
            1100 emptied 0        | finish SIGTERM
        " "rwatch" "
            1000 soft      | ·
            1050 SIGTERM   | 'SIGTERM: asked', SIGTERM 1
            3050 elapsed   | name 1 (kill in 3000)
            3051 emptied 0 | finish SIGTERM
        ";
        nothing_else_matters: "rwatch" "
              0 armed                              | 'starting', spawn 1 start
            100 SIGTERM                            | 'SIGTERM: asked', SIGTERM 1
            110 armed, unsettled, collected, early | ·
            110 not found, no memory, exited       | ·
            110 calmed, soft, calmed               | ·
            110 emptied 0 of 0, emptied 0 of 2     | ·
            120 SIGUSR1                            | relay SIGUSR1 1
            200 emptied 0                          | finish SIGTERM
        ";
    }

    /// What asks for the end comes twice within milliseconds.
    asked_twice {
        two_sigints_sooner_than_anybody_types_are_one_ctrl_c: "rwatch" "
            100 SIGINT   | 'SIGINT: asked', SIGINT 1
            100 SIGINT   | ·
            105 SIGINT   | ·
            299 SIGINT   | ·
            600 killed 2 | finish SIGINT
        " "rwatch -s SIGINT" "
            100 SIGINT   | 'SIGINT: asked', SIGINT 1
            105 SIGINT   | ·
            600 killed 2 | finish SIGINT
        ";
        the_one_that_comes_later_kills_at_once: "rwatch" "
            100 SIGINT   | 'SIGINT: asked', SIGINT 1
            105 SIGINT   | ·
            300 SIGINT   | 'killing', kill 1
            301 killed 9 | finish SIGINT
        ";
        the_time_is_counted_from_the_first: "rwatch" "
            100 SIGINT   | 'SIGINT: asked', SIGINT 1
            250 SIGINT   | ·
            350 SIGINT   | 'killing', kill 1
            351 killed 9 | finish SIGINT
        ";
        a_busy_loop_makes_no_second_ctrl_c_of_it_and_no_first: "rwatch" "
            100 SIGINT     | 'SIGINT: asked', SIGINT 1
            900 SIGINT@105 | ·
            950 killed 2   | finish SIGINT
        " "rwatch" "
            400 SIGINT@100 | 'SIGINT: asked', SIGINT 1
            401 SIGINT@400 | 'killing', kill 1
            402 killed 9   | finish SIGINT
        ";
        time_that_stood_still_does_not_count: "rwatch" "
             100 SIGINT     | 'SIGINT: asked', SIGINT 1
            1500 froze 1390 | ·
            1505 SIGINT     | ·
            1800 SIGINT     | 'killing', kill 1
            1801 killed 9   | finish SIGINT
        ";
        sigterm_with_a_ctrl_c_is_the_same_request: "rwatch" "
            100 SIGINT   | 'SIGINT: asked', SIGINT 1
            105 SIGTERM  | ·
            106 SIGHUP   | ·
            600 killed 2 | finish SIGINT
        " "rwatch" "
            100 SIGTERM   | 'SIGTERM: asked', SIGTERM 1
            105 SIGINT    | ·
            110 SIGINT    | ·
            600 killed 15 | finish SIGTERM
        " "rwatch -s SIGINT" "
            100 SIGHUP   | 'SIGINT: asked', SIGINT 1
            105 SIGINT   | ·
            600 killed 2 | finish SIGHUP
        ";
        sigterm_after_it_is_another: "rwatch" "
            100 SIGINT    | 'SIGINT: asked', SIGINT 1
            105 SIGTERM   | ·
            400 SIGTERM   | 'SIGTERM: asked', SIGTERM 1
            405 SIGTERM   | ·
            600 killed 15 | finish SIGINT
        ";
        a_ctrl_c_that_came_with_sigterm_is_the_first_one: "rwatch" "
             100 SIGTERM  | 'SIGTERM: asked', SIGTERM 1
             105 SIGINT   | ·
            2100 elapsed  | name 1 (Ctrl-C)
            2400 SIGINT   | 'killing', kill 1
            2401 killed 9 | finish SIGTERM
        " "rwatch" "
             100 SIGINT   | 'SIGINT: asked', SIGINT 1
             900 SIGTERM  | 'SIGTERM: asked', SIGTERM 1
             901 SIGINT   | 'killing', kill 1
             902 killed 9 | finish SIGINT
        ";
        during_a_stop_for_a_change_too: "rwatch" "
            1000 change   | 'SIGTERM: change', SIGTERM 1
            1002 SIGINT   | 'SIGINT: asked', SIGINT 1
            1007 SIGINT   | ·
            1008 SIGTERM  | ·
            1100 killed 2 | finish SIGINT
        ";
        after_a_key_too: "rwatch" "
            1000 q         | 'SIGTERM: asked', SIGTERM 1
            1005 SIGINT    | ·
            1300 SIGINT    | 'killing', kill 1
            1301 killed 9  | finish 0
        ";
        during_a_build_too: "rwatch -b" "
               0 armed              | 'building', build 1 before 1 start
              10 emptied 0 of build | 'built after 10, starting', spawn 1 start
            1000 change             | ·
            1004 elapsed            | collect, 'a changed, building', build 2 before 2 change a
            1500 SIGINT             | 'SIGINT: asked', SIGINT build 2, 'SIGINT: asked', SIGINT 1
            1505 SIGINT             | ·
            1600 emptied 0          | ·
            1605 SIGTERM            | ·
            1700 SIGINT             | 'killing', kill build 2
            1701 killed 9 of build  | finish SIGINT
        ";
        in_a_pause_the_first_one_ends_it: "rwatch -m 5" "
            50 emptied 1 | 'code 1 after 50: again in 100, 1 of 5'
            60 SIGINT    | finish SIGINT
            65 SIGINT    | ·
        ";
    }

    /// Nothing will be done any more.
    finished {
        nothing_matters: "rwatch -m 0" "
              0 armed                                | 'starting', spawn 1 start
            100 emptied 7                            | 'code 7 after 100: end', finish 7
            200 armed, change, soft, gone, early     | ·
            200 unsettled, collected, calmed         | ·
            200 not found, no memory, not found of 2 | ·
            200 exited, emptied 0, emptied 0 of 2    | ·
            200 SIGINT, SIGINT, SIGTERM, SIGUSR1     | ·
        ";
    }

    /// Which ends of COMMAND are followed by a restart, how many of them, and how soon.
    counting {
        after_n_restarts_the_next_exit_ends_with_its_code: "rwatch -m 2" "
             10 emptied 1 | 'code 1 after 10: again in 100, 1 of 2'
            110 elapsed   | spawn 2 exit
            120 emptied 0 | 'code 0 after 10: again in 200, 2 of 2'
            320 elapsed   | spawn 3 exit
            330 killed 15 | 'signal 15 after 10: gave up after 2', finish 143
        ";
        none_is_one_run_whether_watched_or_not: "rwatch -m 0" "
            10 emptied 9 | 'code 9 after 10: end', finish 9
        " "rwatch -m 0 -w" "
            10 emptied 0 | 'code 0 after 10: end', finish 0
        ";
        a_change_restores_budget_and_pause_and_uses_neither: "rwatch -m 2 -w" "
             10 emptied 1 | 'code 1 after 10: again in 100, 1 of 2'
            110 elapsed   | spawn 2 exit
            120 emptied 1 | 'code 1 after 10: again in 200, 2 of 2'
            130 change    | ·
            134 elapsed   | collect, 'a changed', spawn 3 change a
            150 emptied 1 | 'code 1 after 16: again in 100, 1 of 2'
            250 elapsed   | spawn 4 exit
            260 emptied 1 | 'code 1 after 10: again in 200, 2 of 2'
            460 elapsed   | spawn 5 exit
            470 emptied 1 | 'code 1 after 10: gave up after 2', finish 1
        ";
        a_run_of_10_s_begins_the_pauses_anew_and_restores_no_budget: "rwatch -m 3" "
               10 emptied 1 | 'code 1 after 10: again in 100, 1 of 3'
              110 elapsed   | spawn 2 exit
            10109 emptied 1 | 'code 1 after 9999: again in 200, 2 of 3'
            10309 elapsed   | spawn 3 exit
            20309 emptied 1 | 'code 1 after 10000: again in 100, 3 of 3'
            20409 elapsed   | spawn 4 exit
            99999 emptied 1 | 'code 1 after 79590: gave up after 3', finish 1
        ";
        without_a_limit_the_pause_doubles: "rwatch -r always" "
             10 emptied 0 | 'code 0 after 10: again in 100'
            110 elapsed   | spawn 2 exit
            110 emptied 0 | 'code 0 after 0: again in 200'
            310 elapsed   | spawn 3 exit
            310 killed 9  | 'signal 9 after 0: again in 400'
            710 elapsed   | spawn 4 exit
        ";
        on_failure_a_clean_exit_waits_for_a_change: "rwatch -r on-failure" "
             10 killed 6  | 'signal 6 after 10: again in 100'
            110 elapsed   | spawn 2 exit
            120 emptied 0 | 'code 0 after 10: wait'
        ";
        on_failure_a_clean_exit_is_the_end_where_nothing_is_watched: "rwatch -m 5 -r on-failure" "
             10 emptied 2 | 'code 2 after 10: again in 100, 1 of 5'
            110 elapsed   | spawn 2 exit
            120 emptied 0 | 'code 0 after 10: end', finish 0
        ";
        the_budget_is_not_used_up_while_something_is_being_changed: "rwatch -m 0 -w" "
              40 soft      | ·
              50 emptied 1 | 'code 1 after 50: wait'
              60 change    | ·
              66 elapsed   | collect, 'a changed', spawn 2 change a
             100 emptied 1 | 'code 1 after 33: end', finish 1
        ";
        never_means_the_first_exit_is_the_end_where_nothing_is_watched: "rwatch -m 5 -r never" "
            10 emptied 2 | 'code 2 after 10: end', finish 2
        ";
    }

    /// Somebody types.
    keys {
        rs_restarts_what_runs: "rwatch" "
            1000 rs        | 'by hand', 'SIGTERM: by hand', SIGTERM 1
            1100 rs        | ·
            1200 emptied 0 | spawn 2 manual
        ";
        what_changes_meanwhile_is_the_better_reason: "rwatch" "
            1000 rs        | 'by hand', 'SIGTERM: by hand', SIGTERM 1
            1100 change    | ·
            1104 elapsed   | collect, 'a changed'
            1200 emptied 0 | spawn 2 change a
        ";
        rs_starts_what_waits_and_cuts_a_pause_short: "rwatch" "
            1000 emptied 1 | 'code 1 after 1000: wait'
            1100 rs        | 'by hand', spawn 2 manual
        " "rwatch -m 1" "
            1000 emptied 1 | 'code 1 after 1000: again in 100, 1 of 1'
            1010 rs        | 'by hand', spawn 2 manual
            1020 emptied 1 | 'code 1 after 10: again in 100, 1 of 1'
            1120 elapsed   | spawn 3 exit
            1130 emptied 1 | 'code 1 after 10: gave up after 1', finish 1
        ";
        rs_restarts_what_ends_by_itself: "rwatch -m 0" "
            1000 exited    | name daemons 1, 'SIGTERM: leftovers', SIGTERM 1
            1010 rs        | 'by hand'
            1020 emptied 0 | spawn 2 manual
            1030 emptied 0 | 'code 0 after 10: end', finish 0
        ";
        rs_changes_nothing_where_a_start_is_coming_or_none: "rwatch" "
             500 change    | 'SIGTERM: change', SIGTERM 1
             504 elapsed   | collect, 'a changed'
             510 rs        | ·
             520 emptied 0 | spawn 2 change a
        " "rwatch -p" "
            1000 change    | ·
            1004 elapsed   | collect, 'a changed, starting', spawn 1 change a
            2000 q         | 'SIGTERM: asked', SIGTERM 1
            2010 rs        | ·
            2020 emptied 0 | finish 0
            2030 rs        | ·
        " "rwatch" "
            10 rs    | ·
            20 armed | 'starting', spawn 1 start
        ";
        rs_cuts_a_burst_short: "rwatch -d 5000" "
            1000 change    | 'SIGTERM: change', SIGTERM 1
            1010 emptied 0 | ·
            2000 rs        | collect now, 'by hand', 'a changed', spawn 2 change a
            7000 elapsed   | ·
        " "rwatch -d 5000" "
            1000 change    | 'SIGTERM: change', SIGTERM 1
            2000 rs        | collect now, 'by hand', 'a changed'
            2100 emptied 0 | spawn 2 change a
            2200 change b  | ·
            7200 elapsed   | collect, 'SIGTERM: change', SIGTERM 2, 'b changed'
            7300 emptied 0 | spawn 3 change b
        " "rwatch" "
            1000 change    | 'SIGTERM: change', SIGTERM 1
            1001 lock      | ·
            1004 elapsed   | collect
            1004 unsettled | ·
            1010 emptied 0 | ·
            1012 elapsed   | collect
            1013 rs        | collect now, 'by hand'
            1013 rs        | ·
            1013 unsettled | ·
            1014 collected | 'a changed', spawn 2 change a
            1264 elapsed   | ·
        " "rwatch -b -d 5000" "
               0 armed              | 'building', build 1 before 1 start
              10 emptied 0 of build | 'built after 10, starting', spawn 1 start
            1000 change             | ·
            2000 rs                 | collect now, 'by hand', 'a changed, building', build 2 before 2 change a
            2100 emptied 0 of build | 'built after 100', 'SIGTERM: change', SIGTERM 1
            2200 emptied 0          | spawn 2 change a
            7000 elapsed            | ·
        ";
        rs_cuts_nothing_short_that_may_be_none: "rwatch -p" "
            1000 change b  | ·
            1004 elapsed   | collect, 'b changed, starting', spawn 1 change b
            2000 change b  | 'SIGTERM: change', SIGTERM 1
            2004 elapsed   | collect, 'b changed'
            2010 soft      | ·
            2020 rs        | ·
            2030 calmed    | ·
            2040 emptied 0 | spawn 2 change b
        ";
        q_ends_with_0: "rwatch" "
            1000 q         | 'SIGTERM: asked', SIGTERM 1
            1010 q         | ·
            1020 killed 15 | finish 0
        " "rwatch" "
            1000 emptied 1 | 'code 1 after 1000: wait'
            1010 q         | finish 0
        ";
        the_others_say_what_there_is: "rwatch" "
            1000 h, x | 'help', 'no key'
        ";
    }

    /// COMMAND wants the terminal, or somebody types what is for everybody.
    terminal {
        who_asks_gets_it: "rwatch" "
            1000 asks      | lend 1
            2000 resumed   | lend 1
            3000 change    | 'SIGTERM: change', SIGTERM 1
            3001 asks      | lend 1
            3003 emptied 0 | ·
            3004 elapsed   | collect, 'a changed', spawn 2 change a
            4000 resumed   | ·
            4001 asks of 1 | ·
        ";
        who_does_not_ask_is_not_bothered: "rwatch" "
            1000 resumed   | ·
            1100 emptied 0 | 'code 0 after 1100: wait'
            1200 resumed   | ·
        ";
        ctrl_z_stops_everybody: "rwatch" "
            1000 suspended, ctrl-z | suspend, suspend
            1100 ctrl-z of 2       | ·
            1200 emptied 0         | 'code 0 after 1200: wait'
            1300 suspended, ctrl-z | suspend
            1400 q, suspended      | finish 0
        ";
        ctrl_c_that_kills_command_ends_everything: "rwatch" "
            1000 interrupted | 'SIGTERM: asked', SIGTERM 1
            1000 killed 2    | finish SIGINT
        " "rwatch" "
            1000 change      | 'SIGTERM: change', SIGTERM 1
            1001 interrupted | ·
            1002 exited      | ·
            1003 killed 2    | finish SIGINT
        " "rwatch" "
            1000 interrupted of 7 | ·
            1001 q                | 'SIGTERM: asked', SIGTERM 1
            1002 interrupted      | ·
            1003 killed 2         | finish 0
        ";
        ctrl_c_of_which_command_ends_gracefully_ends_everything: "rwatch -r always" "
            1000 interrupted | 'SIGTERM: asked', SIGTERM 1
            1000 emptied 0   | finish SIGINT
        " "rwatch" "
            1000 change      | 'SIGTERM: change', SIGTERM 1
            1001 interrupted | ·
            1003 emptied 0   | finish SIGINT
        " "rwatch" "
            1000 interrupted | 'SIGTERM: asked', SIGTERM 1
            1000 exited      | ·
            1003 emptied 3   | finish SIGINT
        ";
        our_own_sigint_is_no_ctrl_c: "rwatch -s SIGINT" "
            1000 change      | 'SIGINT: change', SIGINT 1
            1001 interrupted | ·
            1002 killed 2    | ·
            1004 elapsed     | collect, 'a changed', spawn 2 change a
        ";
        time_that_froze_does_not_count: "rwatch --stop-timeout 1000" "
            1000 SIGTERM   | 'SIGTERM: asked', SIGTERM 1
            1900 froze 3999 | ·
            5999 elapsed   | 'killing', kill 1
            6000 killed 9  | finish SIGTERM
        " "rwatch -r always" "
            1000 emptied 1 | 'code 1 after 1000: again in 100'
            1090 froze 500 | ·
            1600 elapsed   | spawn 2 exit
            1700 froze 100 | ·
            2000 q         | 'SIGTERM: asked', SIGTERM 2
            2001 killed 15 | finish 0
        " "rwatch" "
            1000 change    | 'SIGTERM: change', SIGTERM 1
            1001 froze 500 | ·
            1002 emptied 0 | ·
            1504 elapsed   | collect, 'a changed', spawn 2 change a
        ";
    }

    /// Somebody writes and writes, and COMMAND has to run all the same.
    endless_writing {
        command_is_down_for_2_s_and_up_for_4_then_8: "rwatch" "
            1000..18000 change   | 'SIGTERM: change', SIGTERM 1
             1010 emptied 0 | ·
             2000 elapsed   | 'waiting for a'
             3000 elapsed   | collect now, 'a changed', 'a goes on', spawn 2 change a
             7000 elapsed   | collect now, 'SIGTERM: change', SIGTERM 2, 'a changed', 'a goes on'
             7100 emptied 0 | spawn 3 change a
            15000 elapsed   | collect now, 'SIGTERM: change', SIGTERM 3, 'a changed', 'a goes on'
            15100 emptied 0 | spawn 4 change a
            19000 elapsed   | collect, 'SIGTERM: change', SIGTERM 4, 'a changed'
            19100 emptied 0 | spawn 5 change a
        ";
        a_breath_is_no_end_for_who_runs_beside_it: "rwatch -p" "
            1000..2998 change  | ·
                  2000 elapsed | 'waiting for a'
                  3000 elapsed | collect now, 'a changed, starting', 'a goes on', spawn 1 change a
            3200..3400 change  | ·
            3640..3650 change  | ·
            3980..3990 change  | ·
                  4363 elapsed | collect, 'SIGTERM: change', SIGTERM 1, 'a changed'
                  4400 emptied 0 | spawn 2 change a
        ";
        where_nothing_more_is_written_nothing_more_happens: "rwatch -p" "
            1000..2996 change  | ·
                  2000 elapsed | 'waiting for a'
                  3000 elapsed | collect now, 'a changed, starting', 'a goes on', spawn 1 change a
                  3250 elapsed | ·
        ";
        a_file_that_stays_open_is_written_endlessly_too: "rwatch -p" "
            1000..3200 soft | ·
            1100 elapsed   | ·
            2000 elapsed   | 'waiting for a'
            3100 elapsed   | collect now, 'a changed, starting', 'a goes on', spawn 1 change a
            4200 elapsed   | collect, 'SIGTERM: change', SIGTERM 1, 'a changed'
            4300 killed 15 | spawn 2 change a
        ";
        an_order_is_not_taken_back_by_what_comes_before_its_answer: "rwatch -p" "
                  1000 change    | ·
                  1004 elapsed   | collect
            1009..3100 change    | ·
                  2001 elapsed   | 'waiting for a'
                  3000 elapsed   | collect now
                  3010 unsettled | ·
                  3050 collected | 'a changed, starting', 'a goes on', spawn 1 change a
                  3361 elapsed   | collect
                  3362 collected | 'SIGTERM: change', SIGTERM 1, 'a changed'
                  3370 emptied 0 | spawn 2 change a
        ";
        an_end_that_was_none_does_not_stop_who_runs_beside_it: "rwatch -p" "
            1000..2996 change    | ·
                  2000 elapsed   | 'waiting for a'
                  3000 elapsed   | collect now
                  3000 collected | 'a changed, starting', 'a goes on', spawn 1 change a
                  3250 elapsed   | ·
        " "rwatch -p" "
            1000..3004 change    | ·
                  2000 elapsed   | 'waiting for a'
                  3000 elapsed   | collect now
                  3000 collected | 'a changed, starting', 'a goes on', spawn 1 change a
                  3254 elapsed   | collect
                  3255 change b  | ·
                  3256 collected | ·
                  3300 unsettled | ·
                  3587 elapsed   | collect
                  3588 collected | 'SIGTERM: change', SIGTERM 1, 'a +1 changed'
                  3590 emptied 0 | spawn 2 change a b
        ";
        a_start_that_waited_for_its_end_does_so_no_longer_if_it_was_none: "rwatch -p" "
            1000..2996 change    | ·
                  2000 elapsed   | 'waiting for a'
                  3000 elapsed   | collect now
                  3001 collected | 'a changed, starting', 'a goes on', spawn 1 change a
                  3010 change    | ·
                  3020 rs        | 'by hand', 'SIGTERM: by hand', SIGTERM 1
                  3261 elapsed   | collect
                  3262 emptied 0 | ·
                  3263 unsettled | spawn 2 manual
                  3545 elapsed   | collect
                  3546 collected | 'SIGTERM: change', SIGTERM 2, 'a changed'
                  3547 emptied 0 | spawn 3 change a
        ";
        a_burst_that_stays_unsettled_is_cut_off_too: "rwatch -p -d 0" "
            1000 change | ·
            1000 elapsed | collect
            2999 unsettled | ·
            2999 elapsed | 'waiting for a'
            3000 elapsed | collect now
            3001 collected | 'a changed, starting', 'a goes on', spawn 1 change a
            3251 elapsed | ·
        ";
    }

    /// A burst that takes long, and gets on.
    long_bursts {
        new_paths_are_one_restart_however_long_it_takes: "rwatch" "
             1000..12000 change* | 'SIGTERM: change', SIGTERM 1
                   1010 emptied 0 | ·
                   2000 elapsed   | 'waiting for f501'
                  12080 elapsed   | collect
                  12080 unsettled | ·
                  12160 elapsed   | collect
                  12160 collected | 'f1 +5500 changed', spawn 2 change f1 … 5501
        ";
        fifteen_seconds_are_enough_for_them: "rwatch -p" "
             1000..17000 change* | ·
                   2000 elapsed   | 'waiting for f501'
                  16000 elapsed   | collect now, 'f1 +7499 changed, starting', 'f7500 goes on', spawn 1 change f1 … 7500
                  18000 elapsed   | collect, 'SIGTERM: change', SIGTERM 1, 'f7501 +500 changed'
                  18100 emptied 0 | spawn 2 change f7501 … 501
        ";
        what_stays_at_the_same_paths_has_two_seconds: "rwatch -p" "
             1000..3000 change*  | ·
                   2000 elapsed   | 'waiting for f501'
             3001..8000 change b  | ·
                   5001 elapsed   | collect now, 'f1 +1001 changed, starting', 'b goes on', spawn 1 change f1 … 1002
                   8873 elapsed   | collect, 'SIGTERM: change', SIGTERM 1, 'b changed'
                   9100 emptied 0 | spawn 2 change b
        ";
        gits_lock_holds_it_open_and_it_ends_soon_after: "rwatch" "
            1000 change    | 'SIGTERM: change', SIGTERM 1
            1000 lock      | ·
            1004 elapsed   | collect
            1004 unsettled | ·
            1010 emptied 0 | ·
            1012 elapsed   | collect
            2010 unsettled | ·
            2010 elapsed   | 'waiting for lock'
            2090 elapsed   | collect
            9990 unsettled | ·
            9991 unlock    | ·
           10070 elapsed   | collect
           10070 collected | 'a changed', spawn 2 change a
        ";
        whatever_the_delay_is: "rwatch -p -d 5000" "
            1000 lock      | ·
            1000 change    | ·
            2000 elapsed   | 'waiting for lock'
            6000 elapsed   | collect
            6001 unsettled | ·
            6002 unlock    | ·
            6081 elapsed   | collect
            6081 collected | 'a changed, starting', spawn 1 change a
        ";
        a_minute_is_enough_for_git: "rwatch -p" "
            1000 lock           | ·
            1000..70000 change  | ·
            2000 elapsed        | 'waiting for lock'
           61000 elapsed        | collect now, 'a changed, starting', 'lock goes on', spawn 1 change a
           71000 elapsed        | collect, 'SIGTERM: change', SIGTERM 1, 'a changed'
           71100 emptied 0      | spawn 2 change a
        ";
        a_delay_alone_is_not_worth_a_word: "rwatch -p -d 5000" "
            1000 change  | ·
            1900 change  | ·
            6900 elapsed | collect, 'a changed, starting', spawn 1 change a
        ";
    }
}

/// Plays ten restarts in a row by one path, so long (ms) and four more after each start, during which
/// COMMAND is found at work or not, and what follows.
#[track_caller]
fn check_after_ten_rounds(after: u32, at_work: bool, rest: &str) {
    let mut transcript = String::new();
    for round in 1..=10 {
        let change = (after + 8) * (round - 1) + after;
        let told = match round {
            3 => "'a changed', 'a loops'",
            10 if at_work || after < 200 => "'a changed', 'a loops on'",
            _ => "'a changed'",
        };
        // The first is no reason to suspect anybody.
        let look = match round {
            1 => String::new(),
            _ => format!("look {round}, "),
        };
        let next = round + 1;
        writeln!(
            transcript,
            "{change} change | {look}'SIGTERM: change', SIGTERM {round}"
        )
        .expect("a string takes it");
        if at_work {
            writeln!(transcript, "{change} at work | ·").expect("a string takes it");
        }
        writeln!(
            transcript,
            "{} emptied 0 | ·
             {} elapsed | collect, {told}, spawn {next} change a",
            change + 1,
            change + 4
        )
        .expect("a string takes it");
    }
    check("rwatch", &(transcript + rest.trim_start()));
}

#[test]
fn a_loop_is_named_and_then_slowed_down() {
    let rest = "
        3380 change  | look 11
        3380 at work | ·
        3500 change  | ·
        4076 elapsed | 'SIGTERM: change', SIGTERM 11
        4076 elapsed | collect, 'a changed'
        4090 emptied 0 | spawn 12 change a
        4100 change  | look 12
        4100 at work | ·
        6090 elapsed | 'SIGTERM: change', SIGTERM 12
        6090 elapsed | collect, 'a changed'
        6100 emptied 0 | spawn 13 change a
    ";
    check_after_ten_rounds(300, true, rest);
}

#[test]
fn a_sleeping_command_ends_the_spacing_of_a_loop() {
    let rest = "
        3380 change    | look 11
        3380 asleep    | 'SIGTERM: change', SIGTERM 11
        3381 emptied 0 | ·
        3384 elapsed   | collect, 'a changed', spawn 12 change a
    ";
    check_after_ten_rounds(300, true, rest);
}

#[test]
fn unless_no_person_is_so_quick() {
    let rest = "
         630 change  | look 11
         630 asleep  | ·
        1576 elapsed | 'SIGTERM: change', SIGTERM 11
        1576 elapsed | collect, 'a changed'
        1590 emptied 0 | spawn 12 change a
        1900 change    | look 12, 'SIGTERM: change', SIGTERM 12
        1900 asleep    | ·
        1901 emptied 0 | ·
        1904 elapsed   | collect, 'a changed', spawn 13 change a
    ";
    check_after_ten_rounds(50, false, rest);
}

#[test]
fn rs_ends_the_spacing_of_a_loop() {
    let rest = "
         630 change    | look 11
         700 rs        | 'by hand', 'SIGTERM: by hand', SIGTERM 11
         700 elapsed   | collect, 'a changed'
         701 emptied 0 | spawn 12 change a
    ";
    check_after_ten_rounds(50, true, rest);
}

#[test]
fn who_saves_as_soon_as_command_is_up_is_not_slowed_down() {
    let rest = "
        3380 change    | look 11, 'SIGTERM: change', SIGTERM 11
        3381 emptied 0 | ·
        3384 elapsed   | collect, 'a changed', spawn 12 change a
    ";
    check_after_ten_rounds(300, false, rest);
}

#[test]
fn another_path_is_not_slowed_down_with_a_loop() {
    let rest = "
         630 change    | look 11
         650 change b  | 'SIGTERM: change', SIGTERM 11
         651 emptied 0 | ·
         660 elapsed   | collect, 'a +1 changed', spawn 12 change a b
         700 change    | look 12
        2660 elapsed   | 'SIGTERM: change', SIGTERM 12
        2660 elapsed   | collect, 'a changed'
        2670 emptied 0 | spawn 13 change a
    ";
    check_after_ten_rounds(50, true, rest);
}

#[test]
fn what_changes_long_after_a_start_is_no_loop() {
    let rest = "
        5000 change    | 'SIGTERM: change', SIGTERM 11
        5001 emptied 0 | ·
        5004 elapsed   | collect, 'a changed', spawn 12 change a
    ";
    check_after_ten_rounds(50, true, rest);
}

#[test]
fn a_loop_whose_command_exits_is_slowed_down_too() {
    let rest = "
         630 change    | look 11
         640 emptied 0 | 'code 0 after 64: wait'
        1576 elapsed   | ·
        1576 elapsed   | collect, 'a changed', spawn 12 change a
    ";
    check_after_ten_rounds(50, true, rest);
}

#[test]
fn so_is_one_over_several_paths_and_another_path_ends_that() {
    let mut transcript = String::new();
    for round in 1..=10 {
        let began = 56 * (round - 1);
        let told = match round {
            3 => "'a +1 changed', 'a b loops'",
            10 => "'a +1 changed', 'a b loops on'",
            _ => "'a +1 changed'",
        };
        writeln!(
            transcript,
            "{} change a b | {}'SIGTERM: change', SIGTERM {round}
             {} emptied 0 | ·
             {} elapsed | collect, {told}, spawn {} change a b",
            began + 50,
            if round > 1 {
                format!("look {round}, ")
            } else {
                String::new()
            },
            began + 51,
            began + 58,
            round + 1
        )
        .expect("a string takes it");
    }
    let rest = "
         612 change b    | look 11
         620 change a    | ·
         900 change mine | 'SIGTERM: change', SIGTERM 11
         901 emptied 0   | ·
         944 elapsed     | collect, 'b +2 changed', spawn 12 change b a mine
    ";
    check("rwatch", &(transcript + rest.trim_start()));
}

#[test]
fn what_changes_as_command_ends_is_its_own_doing() {
    let mut transcript = String::new();
    for round in 1..=10 {
        let began = 56 * (round - 1);
        let told = match round {
            3 => "'a changed', 'a loops'",
            10 => "'a changed', 'a loops on'",
            _ => "'a changed'",
        };
        writeln!(
            transcript,
            "{} emptied 0 | 'code 0 after 50: wait'
             {} change    | ·
             {} elapsed   | collect, {told}, spawn {} change a",
            began + 50,
            began + 52,
            began + 56,
            round + 1
        )
        .expect("a string takes it");
    }
    check("rwatch", &transcript);
}

/// Plays the left half of `transcript` to an rwatch with these options, and compares the whole.
#[track_caller]
fn check(command: &str, transcript: &str) {
    let played = Player::new(command, transcript).play(transcript);
    let same = played.split_whitespace().eq(transcript.split_whitespace());
    assert!(same, "`{command}` went\n{played}\ninstead of\n{transcript}");
}
