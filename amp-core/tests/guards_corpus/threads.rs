//! Conversations of a hundred messages that get somewhere, and news that are meant to repeat.

use super::script::{Answers, Script, dice, hex, pick, prose, talk};
use amp_core::MessageType;

const PARTS: [&str; 20] = [
    "parser",
    "scheduler",
    "cache",
    "retry loop",
    "login form",
    "importer",
    "exporter",
    "search index",
    "mailer",
    "rate limiter",
    "session store",
    "upload handler",
    "webhook",
    "config reader",
    "logger",
    "router",
    "renderer",
    "test harness",
    "migration",
    "command line",
];
const FAULTS: [&str; 15] = [
    "leaks a handle when it fails",
    "ignores the error",
    "is quadratic",
    "has no test",
    "shadows a variable",
    "panics on empty input",
    "races with shutdown",
    "blocks the event loop",
    "loses the last item",
    "is off by one",
    "trusts the length field",
    "copies the buffer twice",
    "never times out",
    "swallows signals",
    "reads past the end",
];
const REMEDIES: [&str; 12] = [
    "closes it in a guard now",
    "returns it to the caller",
    "uses a map",
    "has two tests now",
    "is renamed",
    "checks first",
    "takes the lock",
    "is asynchronous",
    "flushes at the end",
    "counts from zero",
    "is bounded",
    "borrows instead",
];
const QUESTIONS: [&str; 25] = [
    "Is it alive?",
    "Does it fly?",
    "Is it bigger than a house?",
    "Can one eat it?",
    "Is it made of metal?",
    "Was it invented after 1900?",
    "Do children play with it?",
    "Is it found in Europe?",
    "Does it need electricity?",
    "Is it white?",
    "Does it make a noise?",
    "Would you find one in a kitchen?",
    "Is it dangerous?",
    "Can it swim?",
    "Is there only one of it?",
    "Does it have wheels?",
    "Is it expensive?",
    "Is it soft?",
    "Do you own one?",
    "Is it older than you?",
    "Does it smell?",
    "Is it used by doctors?",
    "Can you lift it?",
    "Is it a work of art?",
    "Does it grow?",
];
const GAME: &str = "e4 d6 d4 Nf6 Nc3 g6 Be3 Bg7 Qd2 c6 f3 b5 Nge2 Nbd7 Bh6 Bxh6 Qxh6 Bb7 a3 e5 O-O-O Qe7 Kb1 a6 Nc1 O-O-O \
    Nb3 exd4 Rxd4 c5 Rd1 Nb6 g3 Kb8 Na5 Ba8 Bh3 d5 Qf4+ Ka7 Rhe1 d4 Nd5 Nbxd5 exd5 Qd6 Rxd4 cxd4 Re7+ Kb6 Qxd4+ Kxa5 b4+ \
    Ka4 Qc3 Qxd5 Ra7 Bb7 Rxb7 Qc4 Qxf6 Kxa3 Qxa6+ Kxb4 c3+ Kxc3 Qa1+ Kd2 Qb2+ Kd1 Bf1 Rd2 Rd7 Rxd7 Bxc4 bxc4 Qxh8 Rd3 Qa8 \
    c3 Qa4+ Ke1 f4 f5 Kc1 Rd2 Qa7 resigns e4 e5 Nf3 Nc6 Bb5 a6 Ba4 Nf6 O-O Be7 Re1 b5 Bb3 d6";

/// What is written by the one who speaks, what by the one who answers.
fn either(n: usize, speaks: String, answers: &str) -> String {
    if n.is_multiple_of(2) { speaks } else { answers.into() }
}

fn rot13(text: &str) -> String {
    let turn = |c: char, a: u8| char::from(a + (c as u8 - a + 13) % 26);
    text.chars()
        .map(|c| match c {
            'a'..='z' => turn(c, b'a'),
            'A'..='Z' => turn(c, b'A'),
            c => c,
        })
        .collect()
}

/// Threads that the guard was tuned on.
pub(crate) const KNOWN: &[(&str, Script)] = &[
    ("a code review", |n| {
        let part = PARTS[dice(n / 2, 20)];
        talk(
            n,
            either(
                n,
                format!("The {part} {}, in line {}.", FAULTS[dice(n + 7, 15)], dice(n, 900)),
                &format!("Fixed in {}: it {}.", hex(n, 7), REMEDIES[dice(n + 3, 12)]),
            ),
        )
    }),
    ("a code review with short answers", |n| {
        talk(
            n,
            either(
                n,
                format!("{} in the {}", FAULTS[(n / 2) % 15], PARTS[(n / 2) % 20]),
                pick(&["done", "fixed", "no", "ok"], dice(n, 4)),
            ),
        )
    }),
    ("yes or no", |n| {
        talk(
            n,
            either(
                n,
                format!("{} And the {}?", QUESTIONS[(n / 2) % 25], PARTS[dice(n, 20)]),
                pick(&["yes", "no"], dice(n, 2)),
            ),
        )
    }),
    ("twenty-five questions, and again about something else", |n| {
        talk(n, either(n, QUESTIONS[(n / 2) % 25].into(), pick(&["yes", "no", "perhaps"], dice(n, 3))))
    }),
    ("yes, no, next", |n| talk(n, either(n, prose(n / 2).into(), pick(&["yes", "no", "next"], dice(n, 3))))),
    ("a price in irregular steps", |n| {
        talk(
            n,
            either(
                n,
                format!("I can do {}.", 9000 - 37 * n - dice(n, 30)),
                &format!("Too much, {}.", 2000 + 41 * n + dice(n, 30)),
            ),
        )
    }),
    ("progress in percent, with thanks", |n| talk(n, either(n, format!("Progress: {}%", n / 2 + 1), "ok"))),
    ("progress in percent, one way", |n| {
        talk(n, format!("Progress: {n}%"))
            .way(0, 1)
            .after(5000)
            .kind(MessageType::Status)
            .answers(Answers::Nothing)
    }),
    ("records that were processed", |n| {
        talk(
            n,
            either(
                n,
                format!("Processed {} records, {} errors so far.", 97 * n + dice(n, 90), n / 9),
                "Thanks.",
            ),
        )
    }),
    ("chunks with digests", |n| {
        talk(
            n,
            either(n, format!("chunk {} sha256 {}", n / 2, hex(n, 64)), &format!("chunk {} received", n / 2)),
        )
        .after(80)
    }),
    ("chunks of a stated number", |n| {
        talk(
            n,
            either(
                n,
                format!("Sending chunk {} of 50 of the file.", n / 2 + 1),
                &format!("Chunk {} of 50 received.", n / 2 + 1),
            ),
        )
        .after(80)
    }),
    ("chunks that say nothing but their number", |n| {
        talk(n, either(n, format!("Sending part {}", n / 2), &format!("Received part {}", n / 2))).after(80)
    }),
    ("attachments under one text", |n| {
        let line = talk(n, either(n, "Here is the next part of the archive.".into(), "Received, thank you."));
        if n.is_multiple_of(2) { line.attached(hex(n, 64)) } else { line }
    }),
    ("a translation line by line", |n| talk(n, either(n, prose(n / 2).into(), &rot13(prose(n / 2))))),
    ("a page line by line, each acknowledged", |n| talk(n, either(n, prose(n / 2).into(), "ok"))),
    ("chess", |n| talk(n, GAME.split_whitespace().nth(n).unwrap())),
    ("battleships", |n| {
        let shot = format!("{}{}", char::from(b'A' + dice(n / 2 * 3, 10) as u8), 1 + dice(n / 2 * 5 + 1, 10));
        talk(n, either(n, shot, pick(&["miss", "hit", "miss", "sunk"], dice(n, 4))))
    }),
    ("rock, paper, scissors", |n| talk(n, pick(&["rock", "paper", "scissors"], dice(n, 3)))),
    ("guessing numbers", |n| {
        talk(n, either(n, dice(n, 1000).to_string(), pick(&["higher", "lower"], dice(n, 2))))
    }),
    ("a heartbeat every minute", |n| talk(n, "alive").way(0, 1).after(60_000).news()),
    ("a heartbeat every minute, acknowledged", |n| {
        if n.is_multiple_of(2) {
            talk(n, "I am alive and well.").after(60_000).news()
        } else {
            talk(n, "ok").after(300).kind(MessageType::Ack)
        }
    }),
    ("a heartbeat every five seconds, acknowledged", |n| {
        if n.is_multiple_of(2) {
            talk(n, "I am alive and well.").after(4_700).news()
        } else {
            talk(n, "ok").after(300).kind(MessageType::Ack)
        }
    }),
    ("two heartbeats that cross", |n| talk(n, "alive").after(15_000).news()),
    ("a heartbeat in the thread that asked for it", |n| {
        let line = if n.is_multiple_of(2) {
            talk(n, "Nothing to report.").after(30_000).kind(MessageType::Status)
        } else {
            talk(n, "ok").after(300).kind(MessageType::Ack)
        };
        line.answers(if n.is_multiple_of(2) { Answers::First } else { Answers::Last })
    }),
    ("asking how far it is", |n| {
        talk(n, either(n, "How far are you?".into(), &format!("Working on it, {}% done.", n / 2 + 1)))
    }),
    ("jobs in the context", |n| {
        talk(n, either(n, "Please run the next job.".into(), "The job is done."))
            .context(format!(r#"{{"job":"{}"}}"#, hex(n / 2, 8)))
    }),
    ("issues that are closed one by one", |n| {
        talk(
            n,
            either(
                n,
                format!("Please close the issue #{} now.", 4000 + n / 2 * 7),
                &format!("I have closed the issue #{} now.", 4000 + n / 2 * 7),
            ),
        )
    }),
    ("log lines, one way", |n| {
        talk(n, format!("10:00:{:02} {} {}", n % 60, PARTS[dice(n, 20)], FAULTS[dice(n + 1, 15)]))
            .way(0, 1)
            .after(200)
            .news()
    }),
    ("an adventure", |n| {
        talk(
            n,
            either(
                n,
                pick(&["go north", "go east", "look", "take lamp", "open door"], dice(n, 5)).into(),
                if dice(n, 3) == 0 { "You can't go that way." } else { prose(n) },
            ),
        )
    }),
    ("an answer above a growing quotation", |n| {
        let quoted: String = (0..n).rev().map(|earlier| format!("> {}\n", prose(earlier))).collect();
        talk(n, format!("{}\n\nOn Monday, agent wrote:\n{quoted}", prose(n)))
    }),
];

/// Threads that were put aside before the guard first ran.
pub(crate) const HELD_OUT: &[(&str, Script)] = &[
    ("flash cards", |n| {
        talk(n, either(n, "next".into(), &format!("{}: {}", PARTS[dice(n, 20)], FAULTS[dice(n * 3, 15)])))
    }),
    ("a form", |n| {
        talk(
            n,
            either(
                n,
                format!(
                    "What is the {} of the {}?",
                    pick(&["name", "age", "owner", "size", "place"], n / 2),
                    PARTS[dice(n, 20)]
                ),
                pick(&["unknown", "none", "see above", "42", "Vienna", "small"], dice(n, 6)),
            ),
        )
    }),
    ("rows of a table", |n| {
        talk(n, either(n, format!("{},{},{}", dice(n, 90), dice(n + 1, 9000), dice(n + 2, 70)), "ok"))
    }),
    ("sums", |n| {
        let (a, b) = (dice(n / 2, 50), dice(n / 2 + 9, 50));
        talk(n, either(n, format!("What is {a} + {b}?"), &(a + b).to_string()))
    }),
    ("a stock-taking", |n| talk(n, either(n, format!("Shelf {}: {} boxes", n / 2, dice(n, 60)), "noted"))),
    ("temperatures on request", |n| {
        talk(
            n,
            either(
                n,
                "What is the temperature now?".into(),
                &format!("It is {}.{} degrees now.", 18 + dice(n, 6), dice(n + 1, 10)),
            ),
        )
        .after(8000)
    }),
    ("tests that pass", |n| {
        talk(
            n,
            either(n, format!("{} under {}: passed", PARTS[dice(n, 20)], PARTS[dice(n + 5, 20)]), "continue"),
        )
    }),
    ("expenses", |n| {
        talk(
            n,
            either(
                n,
                format!(
                    "Approve {}.{:02} EUR for the {}?",
                    dice(n, 400),
                    dice(n + 1, 100),
                    PARTS[dice(n + 2, 20)]
                ),
                pick(&["approved", "rejected"], dice(n, 2)),
            ),
        )
    }),
    ("a thumb for each line", |n| talk(n, either(n, prose(n / 2).into(), "👍"))),
    ("thanks for each line", |n| {
        talk(
            n,
            either(
                n,
                prose(n / 2).into(),
                pick(&["Thanks!", "Thank you so much!", "Great, got it."], dice(n, 3)),
            ),
        )
    }),
    ("a countdown", |n| talk(n, either(n, format!("{} files left to copy.", 50 - n / 2), "ok"))),
    ("steps of a wizard", |n| talk(n, either(n, format!("Step {} is done.", n / 2 + 1), "Please continue."))),
    ("an alert every five minutes", |n| {
        if n.is_multiple_of(2) {
            talk(n, "Disk usage is above the threshold.")
                .after(299_000)
                .kind(MessageType::Alert)
                .answers(Answers::Nothing)
        } else {
            talk(n, "acknowledged").kind(MessageType::Ack)
        }
    }),
    ("polling without change", |n| {
        if n.is_multiple_of(2) {
            talk(n, "Is the job finished yet?")
                .after(10_000)
                .kind(MessageType::Request)
                .answers(Answers::Nothing)
        } else {
            talk(n, "Not yet, still running.")
        }
    }),
    ("Chinese sentences", |n| {
        let signs: Vec<char> = "天地玄黄宇宙洪荒日月盈昃辰宿列张寒来暑往秋收冬藏闰余成岁律吕调阳云腾致雨露结为霜金生丽水玉出昆冈".chars().collect();
        talk(n, (0..6).map(|i| signs[dice(n * 7 + i, signs.len())]).collect::<String>())
    }),
    ("three agents discuss", |n| talk(n, prose(n)).way(n % 3, (n + 1) % 3)),
    ("one asks, three workers answer", |n| {
        let worker = 1 + (n / 2) % 3;
        let line = talk(
            n,
            either(
                n,
                format!("Worker {worker}, please test the {}.", PARTS[dice(n, 20)]),
                "Done, all green.",
            ),
        );
        if n.is_multiple_of(2) {
            line.way(0, worker).kind(MessageType::Task).answers(Answers::Nothing)
        } else {
            line.way(worker, 0)
        }
    }),
    ("an auction", |n| talk(n, format!("I bid {}", 100 + n * (n + 3) / 2))),
    ("an auction by ones", |n| talk(n, format!("I bid {}", 100 + n))),
    ("words of a song", |n| {
        talk(
            n,
            either(
                n,
                format!("And on that farm he had a {}, E-I-E-I-O!", PARTS[dice(n, 20)]),
                &format!("With a {} here and a {} there", PARTS[dice(n, 20)], PARTS[dice(n + 1, 20)]),
            ),
        )
    }),
];
