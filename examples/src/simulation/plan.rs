//! What a run is like: the provider, the network, the clocks and the mishaps, all drawn from its seed.

use super::random::Random;

/// How a provider behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Peer {
    /// The engine of this library, with a host around it.
    Engine,
    /// As the deployed reference provider does.
    Deployed(Quirks),
    /// Does these things while the run is stormy, and is honest afterwards.
    Hostile(Vec<Lie>),
}

/// What the deployed reference provider does otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Quirks {
    /// Drops the messages that it pushes when a socket opens, as if they were acknowledged.
    pub(super) acknowledges_backlog: bool,
    /// How long after the upgrade an authentication may get lost.
    pub(super) deaf_ms: u64,
    /// Pushes what arrives while a socket is open.
    pub(super) pushes_live: bool,
    /// Tells of hundreds of receipts when a socket opens.
    pub(super) is_chatty: bool,
}

/// Something that no provider should do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lie {
    /// 429 without an end and without `Retry-After`.
    AlwaysLimited,
    /// `Retry-After` of thirty years.
    HugeRetryAfter,
    /// Cursors that lead back to where they were.
    CursorLoop,
    /// Acknowledged messages that stay.
    NeverForgets,
    /// Acknowledgements that are refused.
    RefusesAcks,
    /// Answers that belong to other requests.
    SwapsAnswers,
    /// Frames of unknown types.
    NoiseFrames,
    /// Error frames.
    ErrorFrames,
    /// HTTP errors instead of an upgrade.
    NotUpgraded,
    /// Calls the agent by another's address.
    WrongAddress,
    /// Pings of the WebSocket protocol.
    PingFlood,
    /// Never answers an authentication.
    Silent,
    /// Closes as soon as it has answered.
    SlamsDoor,
    /// Pushes each message several times.
    Repeats,
    /// Changes the text of messages.
    Tampers,
    /// Hands a message out under another id each time.
    Remints,
    /// Gives a message the id of another.
    SwapsIds,
    /// Larger pages than were asked for.
    Oversized,
    /// Says that more waits, and hands nothing out.
    EndlessRemaining,
    /// A frame beyond every limit.
    HugeFrames,
    /// HTML for JSON.
    Html,
    /// Half of a frame or an answer.
    Truncates,
    /// Messages for somebody else.
    OthersMail,
    /// Binary frames.
    BinaryFrames,
    /// Stamps that lie ahead.
    FutureStamps,
    /// The newest first, or in any order.
    Reorders,
    /// Entries that are no messages.
    Garbage,
    /// Says 200 and nothing else.
    EmptyAnswers,
}

pub(super) const LIES: [Lie; 28] = [
    Lie::AlwaysLimited,
    Lie::HugeRetryAfter,
    Lie::CursorLoop,
    Lie::NeverForgets,
    Lie::RefusesAcks,
    Lie::SwapsAnswers,
    Lie::NoiseFrames,
    Lie::ErrorFrames,
    Lie::NotUpgraded,
    Lie::WrongAddress,
    Lie::PingFlood,
    Lie::Silent,
    Lie::SlamsDoor,
    Lie::Repeats,
    Lie::Tampers,
    Lie::Remints,
    Lie::SwapsIds,
    Lie::Oversized,
    Lie::EndlessRemaining,
    Lie::HugeFrames,
    Lie::Html,
    Lie::Truncates,
    Lie::OthersMail,
    Lie::BinaryFrames,
    Lie::FutureStamps,
    Lie::Reorders,
    Lie::Garbage,
    Lie::EmptyAnswers,
];

/// How a host treats what arrives. All but the first are mistakes that the simulation has to notice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Host {
    /// Stores, then acknowledges.
    #[default]
    Careful,
    /// Acknowledges, then stores.
    AcknowledgesFirst,
    /// Shows what was seen before.
    ShowsDuplicates,
    /// Keeps no effects: a restart forgets what was seen.
    ForgetsEffects,
    /// Throws frames away when it is slow.
    DropsWhenFull,
    /// Believes whatever arrives.
    BelievesAnything,
}

/// A run, before it begins.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) host: Host,
    pub(super) peer: Peer,
    pub(super) messages: usize,
    /// For how long messages are sent and mishaps happen, in milliseconds.
    pub(super) storm_ms: u64,
    /// Chances in ten thousand, for each packet.
    pub(super) loss: u64,
    pub(super) duplication: u64,
    /// How long a packet takes.
    pub(super) delay_ms: (u64, u64),
    /// How often something happens in a storm.
    pub(super) partitions: u64,
    pub(super) disconnects: u64,
    pub(super) client_crashes: u64,
    pub(super) provider_crashes: u64,
    pub(super) clock_jumps: u64,
    /// Chances in ten thousand that a process ends between two steps of handling a message.
    pub(super) crash_between: u64,
    /// How long a host takes for a message at most; zero for no time at all.
    pub(super) slowness_ms: u64,
    pub(super) relay_limit: usize,
}

impl Plan {
    pub(super) fn draw(random: &mut Random, host: Host) -> Self {
        let peer = match random.below(10) {
            0..=4 => Peer::Engine,
            5 | 6 => Peer::Deployed(Quirks {
                acknowledges_backlog: random.chance(5_000),
                deaf_ms: random.between(20, 60),
                pushes_live: random.chance(5_000),
                is_chatty: random.chance(2_500),
            }),
            _ => Peer::Hostile((0..random.between(1, 4)).map(|_| LIES[random.index(LIES.len())]).collect()),
        };
        let mut some = |most: u64| if random.chance(4_000) { random.below(most + 1) } else { 0 };
        let (loss, duplication) = (some(1_500), some(1_000));
        let (partitions, disconnects) = (some(4), some(12));
        let (client_crashes, provider_crashes) = (some(6), some(4));
        let clock_jumps = if some(2) > 0 { 1 } else { 0 };
        let crash_between = some(150);
        let slowness_ms = some(20_000);
        let least = if random.chance(5_000) { 1 } else { random.between(1, 400) };
        Self {
            host,
            peer,
            messages: random.between(20, 180) as usize,
            storm_ms: random.between(60_000, 1_200_000),
            loss,
            duplication,
            delay_ms: (least, least + random.below(2_000)),
            partitions,
            disconnects,
            client_crashes,
            provider_crashes,
            clock_jumps,
            crash_between,
            slowness_ms,
            relay_limit: if random.chance(500) { 5 } else { 1_000 },
        }
    }
}
