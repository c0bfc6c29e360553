//! Trust: how far a message may be believed, and how its text is shown (trust).
