//! Limits that hold against floods: rates, suspension, risk, and agents that answer each other without end (guardrails).
