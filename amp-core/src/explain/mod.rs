//! Why a message did not verify or was refused, for people.
