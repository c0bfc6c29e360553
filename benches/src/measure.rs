//! Interleaved measurement: every subject takes its turn on the same messages, round after round.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use crate::corpus::MESSAGES;

/// Something that is measured. `run` handles the messages of a range and returns how long that took, setting up aside.
pub struct Subject<'a> {
    pub name: &'static str,
    pub run: Box<dyn FnMut(core::ops::Range<usize>) -> Duration + 'a>,
}

impl<'a> Subject<'a> {
    /// A subject that handles one message at a time without setting up.
    pub fn new(name: &'static str, mut each: impl FnMut(usize) + 'a) -> Self {
        Self { name, run: Box::new(move |range| timed(|| range.for_each(&mut each))) }
    }
}

/// What a time is taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// The time this thread was busy: what other programs do in between does not count.
    Thread,
    /// The time that passed.
    Wall,
}

static CLOCK: OnceLock<Clock> = OnceLock::new();

/// Chooses the clock before anything is timed; [`Clock::Thread`] unless chosen.
pub fn use_clock(clock: Clock) {
    CLOCK.set(clock).expect("nothing was timed yet");
}

/// How long `work` takes.
pub fn timed(work: impl FnOnce()) -> Duration {
    match CLOCK.get_or_init(|| Clock::Thread) {
        Clock::Thread => {
            let began = busy();
            work();
            busy().saturating_sub(began)
        }
        Clock::Wall => {
            let began = Instant::now();
            work();
            began.elapsed()
        }
    }
}

fn busy() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

/// What reading the clock adds to a time.
fn overhead() -> Duration {
    (0..1000).map(|_| timed(|| ())).min().unwrap_or_default()
}

/// Nanoseconds a message.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// The least reading of each group of messages, averaged over the groups.
    pub min: f64,
    /// The median of all readings.
    pub median: f64,
    pub rounds: usize,
}

/// Measures all subjects by turns for about `budget`, on groups of `per_reading` messages.
pub fn interleave(subjects: &mut [Subject<'_>], per_reading: usize, budget: Duration) -> Vec<Timing> {
    let groups = MESSAGES / per_reading;
    let overhead = overhead();
    // The first round warms caches and lets buffers grow; it counts for nothing.
    let first: Vec<Duration> = subjects.iter_mut().map(|subject| (subject.run)(0..MESSAGES)).collect();
    let fastest = first.iter().min().copied().unwrap_or_default();
    // What is far slower than the rest skips rounds: it would eat everybody's time and needs its own least.
    let every: Vec<usize> = first.iter().map(|took| if *took > 8 * fastest { 4 } else { 1 }).collect();
    let mut least = vec![vec![f64::INFINITY; groups]; subjects.len()];
    let mut readings = vec![Vec::new(); subjects.len()];
    let began = Instant::now();
    let mut rounds = 0;
    while rounds < 5 || began.elapsed() < budget {
        #[expect(clippy::needless_range_loop, reason = "a group is a place in every subject's list")]
        for group in 0..groups {
            let first = group * per_reading;
            // Nobody always runs behind the same neighbour.
            for turn in 0..subjects.len() {
                let n = (turn + rounds + group) % subjects.len();
                if rounds % every[n] != 0 {
                    continue;
                }
                let took = (subjects[n].run)(first..first + per_reading).saturating_sub(overhead);
                let each = took.as_nanos() as f64 / per_reading as f64;
                least[n][group] = least[n][group].min(each);
                readings[n].push(each);
            }
        }
        rounds += 1;
    }
    least
        .iter()
        .zip(&mut readings)
        .map(|(least, readings)| {
            readings.sort_by(f64::total_cmp);
            Timing {
                min: least.iter().sum::<f64>() / groups as f64,
                median: readings[readings.len() / 2],
                rounds,
            }
        })
        .collect()
}
