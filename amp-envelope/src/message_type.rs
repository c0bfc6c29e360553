//! message_type
