//! The injection scan: signs, in a text, that somebody means to steer the model that reads it (guardrails).
