//! The data of events: one struct each.

/// Declares the data of events: one struct each, strict in what it reads.
macro_rules! facts {
    ($($(#[$docs:meta])* struct $name:ident { $($(#[$field_docs:meta])* $field:ident: $type:ty,)* })*) => {
        $(
            #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
            #[serde(deny_unknown_fields)]
            $(#[$docs])*
            pub struct $name {
                $($(#[$field_docs])* pub $field: $type,)*
            }
        )*
    };
}

mod gate;
mod people;
mod rollout;

pub use gate::*;
pub use people::*;
pub use rollout::*;
