//! Closed sets of named values, as documents write them.

/// A value that documents write as one of a few names, in any case.
pub(crate) trait Choice: Copy + PartialEq + 'static {
    /// Every name with its value; the first name of a value is the one printed.
    const NAMES: &'static [(&'static str, Self)];
}

/// Declares an enum whose variants' names are what documents say.
macro_rules! choice {
    ($(#[$meta:meta])* $visibility:vis $name:ident {
        $($(#[$variant_meta:meta])* $variant:ident = $text:literal),+ $(,)?
    }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        $visibility enum $name {
            $($(#[$variant_meta])* $variant),+
        }

        impl $crate::choice::Choice for $name {
            const NAMES: &'static [(&'static str, Self)] = &[$(($text, Self::$variant)),+];
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(match self { $(Self::$variant => $text),+ })
            }
        }
    };
}

pub(crate) use choice;

choice! {
    /// Whether something is on.
    pub(crate) Switch {
        /// On.
        Enabled = "Enabled",
        /// Off.
        Disabled = "Disabled",
    }
}
