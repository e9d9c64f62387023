//! A cursor over untrusted bytes: fixed big-endian layouts, every shortfall a typed error with its offset.

use thiserror::Error;

/// The bytes ended too early, or went on too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ShapeError {
    /// Fewer bytes than the layout needs.
    #[error("at byte {at}: {needed} bytes needed, {left} left")]
    Short {
        /// Offset of the field.
        at: usize,
        /// Bytes that the field needs.
        needed: usize,
        /// Bytes that are left.
        left: usize,
    },
    /// Bytes after the end of the layout.
    #[error("at byte {at}: {left} bytes too many")]
    Trailing {
        /// Offset of the first byte too many.
        at: usize,
        /// How many.
        left: usize,
    },
}

/// Reads a fixed layout from front to back.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// Starts at the first byte.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Offset of the next byte.
    #[must_use]
    pub const fn at(&self) -> usize {
        self.at
    }

    /// Bytes not yet read.
    #[must_use]
    pub const fn left(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// Takes `count` bytes.
    ///
    /// # Errors
    /// [`ShapeError::Short`] when fewer are left.
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], ShapeError> {
        if count > self.left() {
            return Err(ShapeError::Short { at: self.at, needed: count, left: self.left() });
        }
        let taken = &self.bytes[self.at..self.at + count];
        self.at += count;
        Ok(taken)
    }

    /// Takes an array.
    ///
    /// # Errors
    /// [`ShapeError::Short`] when fewer bytes are left.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], ShapeError> {
        Ok(self.take(N)?.try_into().expect("take answers the count asked for"))
    }

    /// Takes one byte.
    ///
    /// # Errors
    /// [`ShapeError::Short`] at the end.
    pub fn u8(&mut self) -> Result<u8, ShapeError> {
        Ok(self.array::<1>()?[0])
    }

    /// Takes a big-endian u16.
    ///
    /// # Errors
    /// [`ShapeError::Short`] when fewer bytes are left.
    pub fn u16(&mut self) -> Result<u16, ShapeError> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    /// Takes a big-endian u32.
    ///
    /// # Errors
    /// [`ShapeError::Short`] when fewer bytes are left.
    pub fn u32(&mut self) -> Result<u32, ShapeError> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    /// Takes a big-endian u64.
    ///
    /// # Errors
    /// [`ShapeError::Short`] when fewer bytes are left.
    pub fn u64(&mut self) -> Result<u64, ShapeError> {
        Ok(u64::from_be_bytes(self.array()?))
    }

    /// Takes a u32 length and as many bytes.
    ///
    /// # Errors
    /// [`ShapeError::Short`] when fewer bytes are left.
    pub fn block(&mut self) -> Result<&'a [u8], ShapeError> {
        let length = self.u32()?;
        self.take(usize::try_from(length).expect("usize holds a u32 on every supported target"))
    }

    /// Insists that nothing is left.
    ///
    /// # Errors
    /// [`ShapeError::Trailing`] when bytes are left.
    pub const fn end(&self) -> Result<(), ShapeError> {
        if self.left() > 0 {
            return Err(ShapeError::Trailing { at: self.at, left: self.left() });
        }
        Ok(())
    }
}
