//! How providers find and trust each other, and pass messages on (federation).
