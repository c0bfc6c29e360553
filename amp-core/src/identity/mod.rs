//! Who an agent says it is: cards, rotations, records, Agent Identity documents and proofs (identity).
