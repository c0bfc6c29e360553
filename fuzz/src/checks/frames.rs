//! Frames of a WebSocket, read as either side: what is read was there, and is written and read back in both shapes.

use amp_core::JsonValue;
use amp_core::wire::{ClientFrame, FRAME_MAX_BYTES, FrameError, FrameShape, ServerFrame};

use super::{assert_fit_to_show, assert_prints_safely};

/// The input is the text of a frame.
pub fn frames(data: &[u8]) {
    from_provider(data);
    from_agent(data);
}

fn from_provider(data: &[u8]) {
    let frame = match ServerFrame::decode(data) {
        Ok(frame) => frame,
        Err(error) => return refused(&error, data),
    };
    if let ServerFrame::MessageNew(message) = &frame {
        let carried = JsonValue::read_carrier(message.message.as_bytes(), FRAME_MAX_BYTES).expect("JSON");
        for part in ["envelope", "payload"] {
            let part = carried.get(part).expect("both parts").raw();
            assert!(
                data.windows(part.len()).any(|window| window == part.as_bytes()),
                "{part} was not received"
            );
        }
    }
    if let ServerFrame::Error(error) = &frame {
        assert!(error.message.as_deref().is_none_or(|message| message.chars().count() <= 256));
        // It may be a text of the provider's own.
        assert_prints_safely(&error.code);
    }
    for shape in [FrameShape::Standard, FrameShape::Flat] {
        let text = frame.encode(shape);
        // White space around and in it is left out, so that a frame does not grow beyond its limit.
        assert_eq!(ServerFrame::decode(text.as_bytes()).as_ref(), Ok(&frame), "{text}");
    }
}

fn from_agent(data: &[u8]) {
    let frame = match ClientFrame::decode(data) {
        Ok(frame) => frame,
        Err(error) => return refused(&error, data),
    };
    if let ClientFrame::Auth(auth) = &frame {
        assert!(!format!("{frame:?}").contains(auth.token.expose()) || auth.token.expose().len() < 9);
    }
    let text = frame.encode();
    let again = ClientFrame::decode(text.expose().as_bytes()).expect("what is written is read");
    assert_eq!(std::mem::discriminant(&again), std::mem::discriminant(&frame));
    assert_eq!(again.encode().expose(), text.expose());
}

fn refused(error: &FrameError, data: &[u8]) {
    assert_fit_to_show(error);
    assert!(!error.code().is_empty());
    assert_eq!(error.code() == "too_large", data.len() > FRAME_MAX_BYTES);
}
