//! Who may write to whom: communication policy, pair grants, capability manifests (guardrails).
