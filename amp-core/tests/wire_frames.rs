//! The contract of WebSocket frames: how each is spelled, in both shapes, and that what is written reads back.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use amp_core::envelope::limits::{DEPTH_MAX, MESSAGE_JSON_MAX_BYTES};
use amp_core::wire::{
    AckFrame, AckSpelling, ApiErrorCode, AuthFrame, Basis, CarriedKey, CarriedMessage, ClientFrame,
    ConnectedFrame, DeliveredFrame, DeliveryMethod, ErrorFrame, FRAME_MAX_BYTES, FrameShape, MessageFrame,
    PongFrame, ReadFrame, RouteFrame, ServerFrame,
};
use amp_core::{Address, Draft, Identity, MessageId, Profile, RouteBody, SignedMessage, Timestamp};
use proptest::prelude::*;

const SHAPES: [FrameShape; 2] = [FrameShape::Standard, FrameShape::Flat];

fn now() -> Timestamp {
    "2026-01-31T10:00:00Z".parse().unwrap()
}

fn alice() -> Identity {
    Identity::from_seed(&[7; 32])
}

fn signed() -> SignedMessage {
    Draft::request("bob@acme.crabmail.ai".parse().unwrap(), "Hi", "Are you there?")
        .from(&"alice@acme.crabmail.ai".parse().unwrap())
        .sign(&alice(), now())
        .unwrap()
}

fn id(text: &str) -> MessageId {
    MessageId::parse_with(text, Profile::Deployed).unwrap()
}

fn read(text: &str) -> ServerFrame {
    ServerFrame::decode(text.as_bytes()).unwrap()
}

// rule: WS-4
#[test]
fn a_provider_spells_its_frames_like_this() {
    let bob: Address = "bob@acme.crabmail.ai".parse().unwrap();
    let message = CarriedMessage::from_json(br#"{"envelope":{"id":"msg_1_a"},"payload":{"n":1.0}}"#).unwrap();
    let mut pushed = MessageFrame::new(id("msg_1_a"), message).replayed();
    pushed.sender_public_key = CarriedKey::from_text("e9b404dc");
    let mut delivered = DeliveredFrame::new(id("msg_1_a"));
    delivered.to = Some(bob.clone());
    delivered.delivered_at = Some(now());
    delivered.method = Some(DeliveryMethod::WebSocket);
    delivered.basis = Some(Basis::SocketWritten);
    let mut seen = ReadFrame::new(id("msg_1_a"));
    seen.read_at = Some(now());
    let spelled = [
        (
            ServerFrame::Connected(ConnectedFrame::new(bob).with_pending_count(3)),
            r#"{"type":"connected","data":{"address":"bob@acme.crabmail.ai","pending_count":3}}"#,
            r#"{"type":"connected","address":"bob@acme.crabmail.ai","pending_count":3}"#,
        ),
        (
            ServerFrame::Pong(PongFrame::new(now())),
            r#"{"type":"pong","timestamp":"2026-01-31T10:00:00Z"}"#,
            r#"{"type":"pong","timestamp":"2026-01-31T10:00:00Z"}"#,
        ),
        (
            ServerFrame::MessageNew(pushed),
            r#"{"type":"message.new","replay":true,"data":{"id":"msg_1_a","sender_public_key":"e9b404dc","envelope":{"id":"msg_1_a"},"payload":{"n":1.0}}}"#,
            r#"{"type":"message","replay":true,"envelope":{"id":"msg_1_a"},"payload":{"n":1.0},"sender_public_key":"e9b404dc"}"#,
        ),
        (
            ServerFrame::MessageDelivered(delivered),
            r#"{"type":"message.delivered","data":{"id":"msg_1_a","to":"bob@acme.crabmail.ai","delivered_at":"2026-01-31T10:00:00Z","method":"websocket","basis":"socket_written"}}"#,
            r#"{"type":"message.delivered","id":"msg_1_a","to":"bob@acme.crabmail.ai","delivered_at":"2026-01-31T10:00:00Z","method":"websocket","basis":"socket_written"}"#,
        ),
        (
            ServerFrame::MessageRead(seen),
            r#"{"type":"message.read","data":{"id":"msg_1_a","read_at":"2026-01-31T10:00:00Z"}}"#,
            r#"{"type":"message.read","id":"msg_1_a","read_at":"2026-01-31T10:00:00Z"}"#,
        ),
        (
            ServerFrame::Error(ErrorFrame::new(ApiErrorCode::Unauthorized).with_message("no such key")),
            r#"{"type":"error","error":"unauthorized","message":"no such key"}"#,
            r#"{"type":"error","error":"unauthorized","message":"no such key"}"#,
        ),
    ];
    for (frame, standard, flat) in spelled {
        assert_eq!(frame.encode(FrameShape::Standard), standard);
        assert_eq!(frame.encode(FrameShape::Flat), flat);
        assert_eq!(read(standard), frame);
        assert_eq!(read(flat), frame);
    }
}

#[test]
fn a_client_spells_its_frames_like_this() {
    let ack = AckFrame::new(id("msg_1_a"));
    let spelled = [
        (
            ClientFrame::Auth(AuthFrame::new("amp_live_sk_7f53".parse().unwrap())),
            r#"{"type":"auth","token":"amp_live_sk_7f53"}"#,
        ),
        (ClientFrame::Ping, r#"{"type":"ping"}"#),
        (ClientFrame::Ack(ack.clone()), r#"{"type":"ack","id":"msg_1_a"}"#),
        (ClientFrame::Ack(ack.spelled(AckSpelling::MessageAck)), r#"{"type":"message.ack","id":"msg_1_a"}"#),
        (
            ClientFrame::Route(RouteFrame::from_body(br#"{"to":"bob@acme.crabmail.ai"}"#).unwrap()),
            r#"{"type":"route","data":{"to":"bob@acme.crabmail.ai"}}"#,
        ),
    ];
    for (frame, text) in spelled {
        assert_eq!(frame.encode().expose(), text);
        let again = ClientFrame::decode(text.as_bytes()).unwrap();
        assert_eq!(again.encode().expose(), text);
    }
}

#[test]
fn a_routed_frame_is_the_body_of_the_request() {
    let frame = ClientFrame::Route(RouteFrame::from(&signed()));
    let ClientFrame::Route(route) = ClientFrame::decode(frame.encode().expose().as_bytes()).unwrap() else {
        panic!("a route frame");
    };
    let body =
        RouteBody::decode(route.as_json().as_bytes(), &"alice@acme.crabmail.ai".parse().unwrap()).unwrap();
    assert!(body.verify(alice().verifying_key()).is_ok());
}

// rule: WS-4
#[test]
fn recorded_frames_of_the_deployed_provider_are_read() {
    let connected = read(r#"{"type":"connected","address":"bob@acme.aimaestro.local","pending_count":1}"#);
    assert!(matches!(connected, ServerFrame::Connected(frame) if frame.pending_count == Some(1)));
    let refused = read(r#"{"type":"error","error":"invalid_token"}"#);
    assert!(matches!(refused, ServerFrame::Error(frame) if frame.code.as_str() == "invalid_token"));
    let message = concat!(
        r#"{"type":"message","envelope":{"version":"amp/0.1","id":"msg_1795164440576_1ran5vd","from":"alice@acme.aimaestro.local","#,
        r#""to":"bob@acme.aimaestro.local","subject":"Hello","timestamp":"2026-11-20T08:47:20.576Z","signature":"ku3a=="},"#,
        r#""payload":{"type":"request","message":{"toString":1}},"#,
        r#""sender_public_key":"6aafe0711b865f9c8d38d916870e0e25de9b157e7eda15432b3817629a5914b7","delivered_at":"2026-11-20T08:47:39.533Z"}"#,
    );
    let ServerFrame::MessageNew(frame) = read(message) else { panic!("a message") };
    assert_eq!(frame.id.as_str(), "msg_1795164440576_1ran5vd");
    assert!(!frame.replay && frame.sender_public_key.unwrap().key().is_some());
    assert!(frame.message.as_json().ends_with(r#""payload":{"type":"request","message":{"toString":1}}}"#));
}

// rule: WS-4
#[test]
fn an_empty_key_beside_a_message_is_no_key() {
    let frame = read(r#"{"type":"message","envelope":{"id":"msg_1_a"},"payload":{},"sender_public_key":""}"#);
    assert!(matches!(frame, ServerFrame::MessageNew(frame) if frame.sender_public_key.is_none()));
}

#[test]
fn the_id_beside_a_message_goes_before_the_one_in_it() {
    let text = r#"{"type":"message.new","data":{"id":"msg_2_b","envelope":{"id":"msg_1_a"},"payload":{}}}"#;
    for shape in SHAPES {
        let frame = read(&read(text).encode(shape));
        assert!(matches!(frame, ServerFrame::MessageNew(frame) if frame.id.as_str() == "msg_2_b"));
    }
    for id in ["7", "\"../x\"", "\"\""] {
        let text = text.replace("\"msg_2_b\"", id);
        assert_eq!(ServerFrame::decode(text.as_bytes()).unwrap_err().code(), "invalid_field", "{text}");
    }
    let nameless = r#"{"type":"message.new","data":{"envelope":{},"payload":{}}}"#;
    assert_eq!(ServerFrame::decode(nameless.as_bytes()).unwrap_err().code(), "missing_field");
}

// rule: WS-14
#[test]
fn only_true_marks_a_replay() {
    let marked = |mark: &str| {
        let text = format!(
            r#"{{"type":"message.new",{mark}"data":{{"id":"msg_1_a","envelope":{{}},"payload":{{}}}}}}"#
        );
        matches!(read(&text), ServerFrame::MessageNew(frame) if frame.replay)
    };
    assert!(marked(r#""replay":true,"#));
    assert!(!marked("") && !marked(r#""replay":false,"#) && !marked(r#""replay":"true","#));
}

// rule: WS-5
#[test]
fn unknown_types_are_kept_as_they_came() {
    let text = r#"{"type": "presence", "data":{"online":[1, 2.50]}}"#;
    let ServerFrame::Other(frame) = read(text) else { panic!("another frame") };
    assert_eq!(frame.as_json(), text);
    assert_eq!(ServerFrame::Other(frame).encode(FrameShape::Flat), text);
    let ClientFrame::Other(frame) = ClientFrame::decode(text.as_bytes()).unwrap() else {
        panic!("another frame")
    };
    assert_eq!(frame.as_json(), text);
}

// rule: WS-3
#[test]
fn what_is_no_frame_is_refused_by_its_code() {
    let refused = [
        ("hello", "invalid_json"),
        ("[]", "not_an_object"),
        ("{}", "missing_field"),
        (r#"{"type":7}"#, "invalid_field"),
        (r#"{"type":null}"#, "invalid_field"),
        (r#"{"type":"pong","type":"ping"}"#, "duplicate_key"),
        (r#"{"type":"message.delivered"}"#, "missing_field"),
        (r#"{"type":"message.read","id":"a b"}"#, "invalid_field"),
        (r#"{"type":"message","envelope":{"id":"msg_1_a"}}"#, "invalid_field"),
        (r#"{"type":"message","envelope":[],"payload":{}}"#, "invalid_field"),
        (r#"{"type":"error"}"#, "missing_field"),
        ("\u{feff}{\"type\":\"pong\"}", "byte_order_mark"),
        (r#"{"type":"pong","timestamp":1e999}"#, "non_finite_number"),
    ];
    for (text, code) in refused {
        assert_eq!(ServerFrame::decode(text.as_bytes()).unwrap_err().code(), code, "{text}");
    }
    for (text, code) in [
        (r#"{"type":"auth"}"#, "missing_field"),
        (r#"{"type":"auth","token":""}"#, "invalid_field"),
        (r#"{"type":"auth","token":"amp_live\r\nX: 1"}"#, "invalid_field"),
        (r#"{"type":"ack"}"#, "missing_field"),
        (r#"{"type":"ack","id":"../../etc"}"#, "invalid_field"),
        (r#"{"type":"route"}"#, "missing_field"),
        (r#"{"type":"route","data":[]}"#, "invalid_field"),
    ] {
        let error = ClientFrame::decode(text.as_bytes()).unwrap_err();
        assert_eq!(error.code(), code, "{text}");
        assert!(!format!("{error} {error:?}").contains("amp_live"), "{error}");
    }
    assert_eq!(ServerFrame::decode(b"\xff").unwrap_err().code(), "invalid_utf8");
}

// rule: WS-3
#[test]
fn a56_a_frame_that_is_too_long_is_not_parsed() {
    let padding = " ".repeat(FRAME_MAX_BYTES);
    let long = format!(r#"{{"type":"pong"}}{padding}"#);
    assert_eq!(ServerFrame::decode(long.as_bytes()).unwrap_err().code(), "too_large");
    assert_eq!(ClientFrame::decode(long.as_bytes()).unwrap_err().code(), "too_large");
    // Not even its first byte is looked at.
    assert_eq!(ServerFrame::decode(&vec![0xff; FRAME_MAX_BYTES + 1]).unwrap_err().code(), "too_large");
}

#[test]
fn the_longest_and_the_deepest_message_fit_into_a_frame() {
    let deepest = "[".repeat(DEPTH_MAX - 1) + &"]".repeat(DEPTH_MAX - 1);
    let start = format!(r#"{{"envelope":{{"id":"msg_1_a"}},"payload":{{"x":{deepest},"y":""#);
    let filler = "a".repeat(MESSAGE_JSON_MAX_BYTES - start.len() - r#""}}"#.len());
    let longest = format!(r#"{start}{filler}"}}}}"#);
    assert_eq!(longest.len(), MESSAGE_JSON_MAX_BYTES);
    let message = CarriedMessage::from_json(longest.as_bytes()).unwrap();
    let mut frame = MessageFrame::new(id(&format!("m{}", "0".repeat(127))), message).replayed();
    frame.sender_public_key = CarriedKey::from_text(&"k".repeat(4096));
    frame.delivered_at = Some(now());
    for shape in SHAPES {
        let ServerFrame::MessageNew(again) = read(&ServerFrame::MessageNew(frame.clone()).encode(shape))
        else {
            panic!("a message");
        };
        assert_eq!(again.message.as_bytes(), longest.as_bytes());
        assert_eq!(again, frame);
    }
}

// rule: WS-1
#[test]
fn a52_no_debug_form_shows_the_key_or_a_message() {
    let auth = ClientFrame::Auth(AuthFrame::new("amp_live_sk_7f53efb3".parse().unwrap()));
    assert!(!format!("{auth:?} {:?}", auth.encode()).contains("7f53"));
    let message = CarriedMessage::from(&signed());
    let frame = ServerFrame::MessageNew(MessageFrame::new(id("msg_1_a"), message));
    assert!(!format!("{frame:?}").contains("Are you there"));
    let route = ClientFrame::Route(RouteFrame::from(&signed()));
    assert!(!format!("{route:?}").contains("Are you there"));
    let error = ErrorFrame::new(ApiErrorCode::read("\u{1b}]52;c;eA==\u{7}"));
    assert!(!format!("{error:?}").contains('\u{1b}'));
}

fn ids() -> impl Strategy<Value = MessageId> {
    "[A-Za-z0-9][A-Za-z0-9_-]{5,40}".prop_map(|text| id(&text))
}

fn addresses() -> impl Strategy<Value = Address> {
    "[a-z][a-z0-9]{0,8}@([a-z]{1,6}\\.){1,3}crabmail\\.ai".prop_map(|text| text.parse().unwrap())
}

fn times() -> impl Strategy<Value = Timestamp> {
    (0_i64..4_000_000_000_000).prop_map(|ms| Timestamp::from_unix_milliseconds(ms).unwrap())
}

/// JSON of many spellings, white space and numbers included.
fn messages() -> impl Strategy<Value = CarriedMessage> {
    let values = prop::sample::select(vec![
        "1.0",
        "1E+3",
        "-0",
        "\"\\u0041\\/\"",
        "{ \"a\" : [ 1 , 2 ] }",
        "null",
        "\"\u{2028}é\"",
        "[]",
        "9007199254740993",
    ]);
    (prop::option::of(ids()), prop::collection::vec(values, 0..5)).prop_map(|(id, values)| {
        let id = id.map_or(String::new(), |id| format!(r#""id":"{id}""#));
        let members: Vec<String> =
            values.iter().enumerate().map(|(at, value)| format!(" \"m{at}\" : {value}")).collect();
        let text = format!("{{\"payload\": {{{}}},\"x\":1,\n\"envelope\":{{{id}}}}}", members.join(","));
        CarriedMessage::from_json(text.as_bytes()).unwrap()
    })
}

fn server_frames() -> impl Strategy<Value = ServerFrame> {
    let words = "[a-z_]{1,12}";
    prop_oneof![
        (prop::option::of(addresses()), prop::option::of(0_u64..1 << 53)).prop_map(|(address, count)| {
            let mut frame = ConnectedFrame::new("a@b.crabmail.ai".parse().unwrap());
            (frame.address, frame.pending_count) = (address, count);
            ServerFrame::Connected(frame)
        }),
        prop::option::of(times()).prop_map(|time| {
            let mut frame = PongFrame::default();
            frame.timestamp = time;
            ServerFrame::Pong(frame)
        }),
        (ids(), messages(), any::<bool>(), prop::option::of("\\PC{1,80}"), prop::option::of(times()))
            .prop_map(|(id, message, replay, key, time)| {
                let mut frame = MessageFrame::new(id, message);
                frame.replay = replay;
                frame.sender_public_key = key.and_then(|key| CarriedKey::from_text(&key));
                frame.delivered_at = time;
                ServerFrame::MessageNew(frame)
            }),
        (
            ids(),
            prop::option::of(addresses()),
            prop::option::of(times()),
            prop::option::of(words),
            prop::option::of(words)
        )
            .prop_map(|(id, to, time, method, basis)| {
                let mut frame = DeliveredFrame::new(id);
                (frame.to, frame.delivered_at) = (to, time);
                frame.method = method.map(|word| DeliveryMethod::read(&word));
                frame.basis = basis.map(|word| Basis::read(&word));
                ServerFrame::MessageDelivered(frame)
            }),
        (ids(), prop::option::of(times())).prop_map(|(id, time)| {
            let mut frame = ReadFrame::new(id);
            frame.read_at = time;
            ServerFrame::MessageRead(frame)
        }),
        (words, prop::option::of("\\PC{0,300}"), prop::option::of(ids())).prop_map(|(code, message, id)| {
            let mut frame = ErrorFrame::new(ApiErrorCode::read(&code));
            if let Some(message) = message {
                frame = frame.with_message(&message);
            }
            frame.id = id;
            ServerFrame::Error(frame)
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    // rule: WS-4
    #[test]
    fn what_a_provider_writes_a_client_reads(frame in server_frames()) {
        for shape in SHAPES {
            let text = frame.encode(shape);
            let again = ServerFrame::decode(text.as_bytes());
            prop_assert_eq!(again.as_ref(), Ok(&frame), "{}", text);
        }
    }

    #[test]
    fn whatever_is_read_is_written_and_read_again(text in "\\{(\"type\":\"(message|pong|error|ack|x)\")?,?(\"(id|error|data)\":(\"[a-z_0-9]{0,9}\"|\\{\\}|null|1))?\\}") {
        if let Ok(frame) = ServerFrame::decode(text.as_bytes()) {
            for shape in SHAPES {
                prop_assert_eq!(&ServerFrame::decode(frame.encode(shape).as_bytes()).unwrap(), &frame);
            }
        }
        if let Ok(frame) = ClientFrame::decode(text.as_bytes()) {
            let again = ClientFrame::decode(frame.encode().expose().as_bytes()).unwrap();
            prop_assert!(again.encode().expose() == frame.encode().expose());
        }
    }
}
