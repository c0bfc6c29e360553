//! Conversations that go round in circles.

use super::script::{Answers, Script, dice, hex, pick, talk};
use amp_core::MessageType;

/// Two agents that repeat what they are told, or always say the same: to be stopped within ten messages.
pub(crate) const NAIVE: &[(&str, Script)] = &[
    ("both repeat what they are told", |n| talk(n, "Could you look at the build, please?")),
    ("both quote more and more", |n| {
        let quoted: String =
            (0..n).map(|depth| format!("{} Is anybody there?\n", ">".repeat(depth + 1))).collect();
        talk(n, format!("Is anybody there?\n\nOn Monday, agent wrote:\n{quoted}"))
    }),
    ("quotes without the line above them", |n| {
        talk(n, format!("Is anybody there?\n{}", "> Is anybody there?\n".repeat(n)))
    }),
    ("the text gathers reply marks", |n| talk(n, format!("{}Please advise on the matter", "Re: ".repeat(n)))),
    ("the subject gathers reply marks", |n| {
        talk(n, "Please advise on the matter").subject(format!("{}Matter", "Re: ".repeat(n)))
    }),
    ("ping and pong", |n| talk(n, pick(&["ping", "pong"], n))),
    ("both out of office, in their own words", |n| {
        talk(
            n,
            pick(
                &[
                    "I am out of office until Monday.",
                    "Thank you for your mail. I am on vacation and will answer in May.",
                ],
                n,
            ),
        )
    }),
    ("the time of day in the text", |n| {
        talk(n, format!("It is 10:{:02}:{:02} now and all is well here.", n / 60, n % 60))
    }),
    ("the date and seconds since 1970", |n| {
        talk(n, format!("[2026-01-31T10:00:{:02}Z] hello from the agent, {}", n % 60, 1_769_853_600 + n))
    }),
    ("white space, case and punctuation differ", |n| {
        let texts = [
            "Please  confirm receipt",
            "please confirm receipt.",
            "PLEASE CONFIRM RECEIPT!",
            " please confirm, receipt ",
        ];
        talk(n, pick(&texts, dice(n, 4)))
    }),
    ("they do not say what they answer", |n| {
        talk(n, "What can I do for you?").answers(Answers::Nothing).kind(MessageType::Request)
    }),
    ("a minute between messages", |n| talk(n, "What can I do for you?").after(60_000)),
    ("notifications that answer notifications", |n| {
        talk(n, "Your state was synchronized.").kind(MessageType::Notification)
    }),
    ("three agents pass it round", |n| {
        talk(n, "Please forward this to your colleague.").way(n % 3, (n + 1) % 3)
    }),
    ("three agents pass it round, in a new thread each time", |n| {
        talk(n, "Please forward this to your colleague.")
            .way(n % 3, (n + 1) % 3)
            .answers(Answers::Nothing)
            .kind(MessageType::Request)
    }),
    ("an agent writes to itself", |n| talk(n, "Remember to remember this.").way(0, 0)),
    ("a context with a count of hops", |n| {
        talk(n, "Handing this over to you.").context(format!(r#"{{"hops":{n},"ticket":"A"}}"#))
    }),
    ("the block that is signed for freshness", |n| {
        talk(n, "Handing this over to you.").context(format!(r#"{{"amp":{{"nonce":"{}"}}}}"#, hex(n, 22)))
    }),
];

/// Agents that find other words, or other numbers: to be stopped sooner or later.
pub(crate) const OTHERS: &[(&str, Script)] = &[
    ("thanks and no problem", |n| {
        let a = [
            "Thanks!",
            "Thank you so much!",
            "Thanks a lot for your help!",
            "Great, thank you.",
            "I appreciate it!",
        ];
        let b = ["You're welcome!", "No problem at all!", "Glad to help!", "Anytime!", "My pleasure."];
        talk(n, if n.is_multiple_of(2) { pick(&a, dice(n, 5)) } else { pick(&b, dice(n, 5)) })
    }),
    ("courtesy in German and French", |n| {
        talk(
            n,
            pick(
                &["Vielen Dank!", "Gerne!", "Merci beaucoup!", "De rien, merci.", "Danke sehr!"],
                dice(n, 5),
            ),
        )
    }),
    ("thumbs up", |n| talk(n, pick(&["👍", "👍👍", "🙏", "👍 Thanks!"], dice(n, 4)))),
    ("acknowledgements of acknowledgements", |n| {
        talk(n, pick(&["Received.", "Noted.", "Ack", "Acknowledged, thanks."], dice(n, 4)))
            .kind(MessageType::Ack)
    }),
    ("greetings", |n| {
        talk(n, pick(&["Hello!", "Hi there!", "Hey, good to be here!", "Greetings!"], dice(n, 4)))
    }),
    ("models that part, slowly", |n| {
        let texts = [
            "Have a great day!",
            "You too, have a nice day!",
            "Thank you, take care!",
            "Bye, talk to you soon!",
        ];
        talk(n, pick(&texts, dice(n, 4))).after(45_000)
    }),
    ("an automatic reply that counts", |n| talk(n, format!("This is automatic reply number {n}."))),
    ("each repeats two texts", |n| {
        talk(
            n,
            pick(
                &[
                    "Shall we begin?",
                    "When you are ready.",
                    "I am waiting for you.",
                    "Please go ahead and begin.",
                ],
                n,
            ),
        )
    }),
    ("an apology that asks again", |n| {
        let texts = [
            "Sorry, I did not understand that. Could you rephrase?",
            "I am sorry, could you rephrase that?",
            "Sorry, could you rephrase? I did not understand.",
        ];
        talk(n, pick(&texts, dice(n, 3)))
    }),
    ("anything else?", |n| {
        talk(
            n,
            pick(
                &[
                    "Is there anything else I can help you with?",
                    "No, is there anything else that I can help you with?",
                ],
                n,
            ),
        )
    }),
    ("receipts in many words", |n| {
        let texts = [
            "I have received your message and will process it shortly.",
            "Your message was received and will be processed shortly.",
            "We have received it, processing will begin shortly.",
            "It was received; I will process your message.",
        ];
        talk(n, pick(&texts, dice(n, 4)))
    }),
    ("bounces that quote each other", |n| {
        talk(
            n,
            format!(
                "Delivery failed: the recipient does not take mail.\n{}",
                "> Delivery failed: the recipient does not take mail.\n".repeat(n.min(6))
            ),
        )
    }),
    ("one of them only acknowledges", |n| {
        talk(
            n,
            if n.is_multiple_of(2) { "Please confirm that you have seen this notice." } else { "Confirmed." },
        )
    }),
    ("four agents in a ring", |n| talk(n, "Passing this along, please take over.").way(n % 4, (n + 1) % 4)),
    ("a storm of one message", |n| talk(n, "Server is down!").way(0, 1).after(500).answers(Answers::Nothing)),
    ("a storm that counts", |n| talk(n, format!("Server is down! ({n})")).way(0, 1).after(500).news()),
    ("answers without a name for what they answer, slowly", |n| {
        talk(n, "What can I do for you?").after(30_000).answers(Answers::Nothing)
    }),
];

/// Agents that only change their numbers: to be delayed. Nothing tells them from a transfer.
pub(crate) const COUNTING: &[(&str, Script)] = &[
    ("a mailer that counts, each in its own words", |n| {
        talk(
            n,
            format!(
                "{} Reply {n}.",
                pick(&["Thank you for writing to us.", "We will be with you shortly."], n)
            ),
        )
    }),
    ("ping and pong that count", |n| talk(n, format!("{} {}", pick(&["ping", "pong"], n), n / 2))),
    ("tickets of two help desks", |n| {
        talk(n, format!("Your request has been received. Your ticket is #{}.", 40_000 + dice(n, 9_999)))
    }),
];

/// As [`NAIVE`], but put aside before the guard first ran.
pub(crate) const NAIVE_HELD_OUT: &[(&str, Script)] = &[
    ("an echo in JSON", |n| talk(n, r#"{"status":"ok","action":"none","detail":"nothing to do"}"#)),
    ("an echo with a greeting for each", |n| {
        talk(
            n,
            format!(
                "Dear agent{},\nplease see my earlier message about the invoices.\nBest, agent{}",
                (n + 1) % 2,
                n % 2
            ),
        )
    }),
    ("a forwarded echo", |n| {
        talk(
            n,
            format!(
                "{}Kindly revert on the below.\n---------- Forwarded message ---------\nFrom: x\n{n}",
                "Fwd: ".repeat(n)
            ),
        )
    }),
    ("yes and yes", |n| talk(n, "yes")),
    ("empty texts", |n| talk(n, "")),
    ("an echo with a signature that has the time", |n| {
        talk(n, format!("How may I assist you today?\n-- \nsent at 2026-01-31 10:00:{:02}", n % 60))
    }),
    ("status messages that answer each other", |n| {
        talk(n, "State: idle, queue empty.").kind(MessageType::Status)
    }),
    ("an echo in Chinese", |n| talk(n, "请稍后再试，系统正忙。")),
];

/// As [`OTHERS`], but put aside before the guard first ran.
pub(crate) const OTHERS_HELD_OUT: &[(&str, Script)] = &[
    ("courtesy in Spanish", |n| {
        talk(n, pick(&["¡Muchas gracias!", "De nada.", "Gracias por todo", "Con gusto"], dice(n, 4)))
    }),
    ("courtesy in Japanese", |n| talk(n, pick(&["ありがとう", "ありがとう！", "ありがとう 🙏"], dice(n, 3)))),
    ("happy to help", |n| {
        let texts = [
            "Happy to help! Let me know if you need anything else.",
            "Thanks, will do. Let me know if you need anything as well!",
            "Sure, I will let you know. Thanks again!",
            "Sounds good, thanks!",
        ];
        talk(n, pick(&texts, dice(n, 4)))
    }),
    ("congratulations", |n| {
        let texts = [
            "Congratulations on a job well done!",
            "Thank you, you did a wonderful job as well!",
            "That means a lot, congratulations to you too!",
            "What a team! Well done!",
        ];
        talk(n, pick(&texts, dice(n, 4)))
    }),
    ("after you", |n| {
        talk(
            n,
            pick(&["After you.", "No, after you.", "I insist, after you.", "Please, you first."], dice(n, 4)),
        )
    }),
    ("I will wait for your answer", |n| {
        let texts = [
            "I am waiting for your input before I continue.",
            "I cannot continue before I have your input.",
            "As soon as I have your input, I will continue.",
        ];
        talk(n, pick(&texts, dice(n, 3)))
    }),
    ("five agents in a ring", |n| {
        talk(n, "Does anyone know about this? Please pass it on.").way(n % 5, (n + 1) % 5)
    }),
    ("a reply that repeats the whole text before it", |n| {
        talk(n, format!("{}Hello, is this still open?", "You wrote: ".repeat(n)))
    }),
    ("an error that answers an error", |n| {
        talk(
            n,
            format!(
                "Error {}: could not parse the message, unexpected token at line {}.",
                400,
                1 + dice(n, 9)
            ),
        )
    }),
    ("a storm of two texts", |n| {
        talk(n, pick(&["Wake up!", "Answer me, please!"], n)).way(0, 1).after(700).answers(Answers::Nothing)
    }),
    ("reminders of reminders", |n| {
        talk(n, format!("Reminder: {}please answer my last message.", "reminder: ".repeat(n % 3)))
            .after(20_000)
    }),
    ("a quotation of the day", |n| {
        let quotes = [
            "Time flies like an arrow",
            "Fruit flies like a banana",
            "Less is more",
            "More is different",
            "Form follows function",
            "Know thyself",
            "Nothing in excess",
        ];
        talk(n, format!("This mailbox is not monitored. Quote: {}.", pick(&quotes, dice(n, 7))))
    }),
];
