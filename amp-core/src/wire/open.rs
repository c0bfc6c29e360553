//! Words of the wire whose list may grow: what is unknown is kept as text (provider API).

/// An enum of words with a variant for others, and the type of their text.
macro_rules! open_words {
    (
        $(#[$meta:meta])*
        pub enum $name:ident($other:ident) {
            $( $(#[$word_meta:meta])* $word:ident = $text:literal, )*
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $name {
            $( $(#[$word_meta])* $word, )*
            /// Another word. Its text is what `as_str` gives.
            Other($other),
        }

        /// A word that this version does not know, at most 64 characters of it. From outside.
        #[derive(Clone, PartialEq, Eq, Hash)]
        pub struct $other(::alloc::boxed::Box<str>);

        /// Shown escaped.
        impl ::core::fmt::Debug for $other {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                write!(f, "{:?}", $crate::trust::Printable::name(&self.0))
            }
        }

        impl $name {
            #[cfg(test)]
            #[allow(dead_code, reason = "not every list is tested word by word")]
            pub(crate) const NAMED: &'static [Self] = &[$(Self::$word),*];

            /// Reads a word; what is unknown is kept.
            #[must_use]
            pub fn read(text: &str) -> Self {
                match text {
                    $( $text => Self::$word, )*
                    _ => Self::Other($other(text.chars().take(64).collect())),
                }
            }

            /// The word on the wire. Text from outside when it is [`Other`](Self::Other).
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $( Self::$word => $text, )*
                    Self::Other(other) => &other.0,
                }
            }
        }

        /// Unknown words are shown escaped.
        impl ::core::fmt::Display for $name {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                ::core::fmt::Display::fmt(&$crate::trust::Printable::name(self.as_str()), f)
            }
        }

        impl $crate::wire::member::Member for $name {
            const RULE: &'static str = "the value is text";

            fn read(value: ::amp_envelope::JsonValue<'_>) -> Result<Self, $crate::wire::fault::Fault> {
                let text = value.as_str().ok_or_else($crate::wire::member::misfit::<Self>)?;
                Ok(Self::read(&text))
            }

            fn write(&self, out: &mut ::alloc::string::String) {
                $crate::wire::member::write_text(self.as_str(), out);
            }
        }
    };
}
