//! Fixed big-endian layouts of keys and values: what the world digest covers and what a dump holds.
//!
//! Integers big-endian; a text or list = count u32, then its content; an optional value = 00, or 01 and the value.
//! Every value has exactly one encoding, so that equal states have equal bytes.

use std::collections::VecDeque;

use muniment_core::reader::{Reader, ShapeError};
use muniment_core::{
    BureauNumber, LeafIndex, LogIndex, NodeId, RaftTerm, RequestId, RulesVersion, TreeSize, UnixMillis,
};
use thiserror::Error;

/// Why bytes are not the layout of a key or value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum LayoutError {
    /// Too few or too many bytes.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// A byte that selects a variant selects none.
    #[error("at byte {at}: {found} is no {what}")]
    Variant {
        /// Offset after the byte.
        at: usize,
        /// What the byte selects.
        what: &'static str,
        /// The byte.
        found: u8,
    },
    /// A text is not UTF-8.
    #[error("at byte {at}: text is not UTF-8")]
    Text {
        /// Offset after the text.
        at: usize,
    },
    /// Fields contradict each other.
    #[error("at byte {at}: {what}")]
    Contradiction {
        /// Offset after the fields.
        at: usize,
        /// What is wrong.
        what: &'static str,
    },
}

/// A value with one fixed encoding.
pub trait Layout: Sized {
    /// Appends the encoding.
    fn put(&self, out: &mut Vec<u8>);

    /// Reads the encoding from the front of `reader`.
    ///
    /// # Errors
    /// [`LayoutError`] names the offset.
    fn take(reader: &mut Reader<'_>) -> Result<Self, LayoutError>;
}

/// Declares a struct whose layout is its fields in order.
macro_rules! layout {
    ($(#[$doc:meta])* $visibility:vis struct $name:ident {
        $($(#[$field_doc:meta])* $field_visibility:vis $field:ident: $type:ty),* $(,)?
    }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        $visibility struct $name { $($(#[$field_doc])* $field_visibility $field: $type),* }

        impl $crate::world::layout::Layout for $name {
            fn put(&self, out: &mut Vec<u8>) {
                $($crate::world::layout::Layout::put(&self.$field, out);)*
            }

            fn take(
                reader: &mut muniment_core::reader::Reader<'_>,
            ) -> Result<Self, $crate::world::layout::LayoutError> {
                Ok(Self { $($field: $crate::world::layout::Layout::take(reader)?),* })
            }
        }
    };
}

/// Declares an enum without fields whose layout is one byte.
macro_rules! layout_byte {
    ($(#[$doc:meta])* $visibility:vis enum $name:ident {
        $($(#[$variant_doc:meta])* $number:literal $variant:ident),+ $(,)?
    }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        $visibility enum $name { $($(#[$variant_doc])* $variant = $number),+ }

        impl $crate::world::layout::Layout for $name {
            fn put(&self, out: &mut Vec<u8>) {
                out.push(match self { $(Self::$variant => $number),+ });
            }

            fn take(
                reader: &mut muniment_core::reader::Reader<'_>,
            ) -> Result<Self, $crate::world::layout::LayoutError> {
                match reader.u8()? {
                    $($number => Ok(Self::$variant),)+
                    found => Err($crate::world::layout::LayoutError::Variant {
                        at: reader.at(),
                        what: stringify!($name),
                        found,
                    }),
                }
            }
        }
    };
}

pub(crate) use {layout, layout_byte};

macro_rules! integer_layout {
    ($($type:ty, $read:ident;)+) => {
        $(impl Layout for $type {
            fn put(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_be_bytes());
            }

            fn take(reader: &mut Reader<'_>) -> Result<Self, LayoutError> {
                Ok(reader.$read()?)
            }
        })+
    };
}

integer_layout! { u8, u8; u16, u16; u32, u32; u64, u64; }

macro_rules! newtype_layout {
    ($($type:ident)+) => {
        $(impl Layout for $type {
            fn put(&self, out: &mut Vec<u8>) {
                self.0.put(out);
            }

            fn take(reader: &mut Reader<'_>) -> Result<Self, LayoutError> {
                Layout::take(reader).map(Self)
            }
        })+
    };
}

newtype_layout! { BureauNumber LeafIndex LogIndex NodeId RaftTerm RequestId RulesVersion TreeSize UnixMillis }

impl<const N: usize> Layout for [u8; N] {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }

    fn take(reader: &mut Reader<'_>) -> Result<Self, LayoutError> {
        Ok(reader.array()?)
    }
}

impl Layout for () {
    fn put(&self, _out: &mut Vec<u8>) {}

    fn take(_reader: &mut Reader<'_>) -> Result<Self, LayoutError> {
        Ok(())
    }
}

impl Layout for bool {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }

    fn take(reader: &mut Reader<'_>) -> Result<Self, LayoutError> {
        match reader.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            found => Err(LayoutError::Variant { at: reader.at(), what: "truth value", found }),
        }
    }
}

impl<T: Layout> Layout for Option<T> {
    fn put(&self, out: &mut Vec<u8>) {
        self.is_some().put(out);
        if let Some(value) = self {
            value.put(out);
        }
    }

    fn take(reader: &mut Reader<'_>) -> Result<Self, LayoutError> {
        bool::take(reader)?.then(|| T::take(reader)).transpose()
    }
}

impl Layout for String {
    fn put(&self, out: &mut Vec<u8>) {
        put_count(self.len(), out);
        out.extend_from_slice(self.as_bytes());
    }

    fn take(reader: &mut Reader<'_>) -> Result<Self, LayoutError> {
        let bytes = reader.block()?.to_vec();
        Self::from_utf8(bytes).map_err(|_| LayoutError::Text { at: reader.at() })
    }
}

impl<T: Layout> Layout for Vec<T> {
    fn put(&self, out: &mut Vec<u8>) {
        put_count(self.len(), out);
        self.iter().for_each(|value| value.put(out));
    }

    fn take(reader: &mut Reader<'_>) -> Result<Self, LayoutError> {
        // Grows as values are read: a count is not believed before its values are there.
        (0..reader.u32()?).map(|_| T::take(reader)).collect()
    }
}

impl<T: Layout> Layout for VecDeque<T> {
    fn put(&self, out: &mut Vec<u8>) {
        put_count(self.len(), out);
        self.iter().for_each(|value| value.put(out));
    }

    fn take(reader: &mut Reader<'_>) -> Result<Self, LayoutError> {
        Vec::take(reader).map(Self::from)
    }
}

impl<A: Layout, B: Layout> Layout for (A, B) {
    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
        self.1.put(out);
    }

    fn take(reader: &mut Reader<'_>) -> Result<Self, LayoutError> {
        Ok((A::take(reader)?, B::take(reader)?))
    }
}

/// Appends a count or length.
pub(crate) fn put_count(count: usize, out: &mut Vec<u8>) {
    u32::try_from(count).expect("an object of the world state is far below 4 GiB").put(out);
}
