//! The deciding half of a provider: it says what to answer, what to store and what to do; the host does it (provider API,
//! delivery, federation, guardrails).
