//! The receiving pipeline: from bytes to a decision and what must be made durable with it (trust, guardrails).
