//! Choices with names.

/// Declares an enum whose values have the names that tables, files and the command line use. The
/// first value is the default.
macro_rules! named {
    (
        $(#[$about:meta])*
        $Name:ident of $what:literal {
            $(#[$first_doc:meta])* $First:ident = $first:literal,
            $($(#[$doc:meta])* $Value:ident = $name:literal,)*
        }
    ) => {
        $(#[$about])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize,
        )]
        pub enum $Name {
            $(#[$first_doc])*
            #[default]
            #[serde(rename = $first)]
            $First,
            $($(#[$doc])* #[serde(rename = $name)] $Value,)*
        }

        impl $Name {
            /// All of them, in the order in which messages list them.
            pub const ALL: [Self; [$first $(, $name)*].len()] =
                [Self::$First $(, Self::$Value)*];

            /// The name used in tables, files and on the command line.
            pub const fn name(self) -> &'static str {
                match self {
                    Self::$First => $first,
                    $(Self::$Value => $name,)*
                }
            }

            /// Whether it is the first, which is what there is unless something else is said.
            pub fn is_default(&self) -> bool {
                *self == Self::default()
            }
        }

        impl std::fmt::Display for $Name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.name())
            }
        }

        impl std::str::FromStr for $Name {
            type Err = crate::Error;

            fn from_str(name: &str) -> crate::Result<Self> {
                let found = Self::ALL.into_iter().find(|value| value.name() == name);
                found.ok_or_else(|| crate::Error::unknown($what, name, &Self::ALL.map(Self::name)))
            }
        }
    };
}
pub(crate) use named;

#[cfg(test)]
mod tests {
    named! {
        /// A fruit.
        Fruit of "fruit" {
            /// The usual one.
            Apple = "apple",
            /// Another.
            BloodOrange = "blood_orange",
        }
    }

    #[test]
    fn a_name_is_the_same_everywhere() {
        for fruit in Fruit::ALL {
            assert_eq!(fruit.to_string().parse::<Fruit>().unwrap(), fruit);
            assert_eq!(serde_json::to_string(&fruit).unwrap(), format!("\"{fruit}\""));
        }
        assert!(Fruit::Apple.is_default() && !Fruit::BloodOrange.is_default());
        let message = "blood orange".parse::<Fruit>().unwrap_err().to_string();
        let expected = "fruit: 'blood orange' is not valid; expected one of apple, blood_orange; \
                        did you mean blood_orange?";
        assert_eq!(message, expected);
    }
}
