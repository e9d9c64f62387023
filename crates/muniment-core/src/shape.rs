//! The shape of every record: one table row per field, with the rule that it must keep.
//!
//! The proto comments state the same bounds in words. A row is `field: rule`; a table that misses a field of its
//! message does not compile. Rules run on every submission, so they allocate only when they fail.

mod access;
mod authorisation;
mod catalogue;
mod envelope;
mod governance;
mod licence;
mod oversight;
mod participants;
mod rule;

use std::fmt::Write as _;

use crate::Reason;
use crate::v1::Record;

/// What one rule answers. Boxed: the good case is one word.
pub(crate) type Checked = Result<(), Box<Fault>>;

/// A broken rule, and the way from the record to the field.
#[derive(Debug)]
pub(crate) struct Fault {
    /// Reason for the caller.
    pub(crate) reason: Reason,
    /// What is wrong and what to do. Never the value.
    pub(crate) detail: String,
    /// Steps from the field outwards: the innermost comes first.
    path: Vec<Step>,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Field(&'static str),
    Position(usize),
}

impl Fault {
    pub(crate) fn new(reason: Reason, detail: impl Into<String>) -> Box<Self> {
        Box::new(Self { reason, detail: detail.into(), path: Vec::new() })
    }

    fn invalid(detail: impl Into<String>) -> Box<Self> {
        Self::new(Reason::InvalidRecord, detail)
    }

    /// The path of the field, "actor.tag" or "authorisation_granted.data_sets[2]".
    pub(crate) fn field(&self) -> String {
        let mut path = String::new();
        for step in self.path.iter().rev() {
            match step {
                Step::Field(name) => {
                    let dot = if path.is_empty() { "" } else { "." };
                    path.extend([dot, name.trim_start_matches("r#")]);
                }
                Step::Position(position) => {
                    write!(path, "[{position}]").expect("writing to a String does not fail");
                }
            }
        }
        path
    }
}

/// Notes where a rule was broken.
trait At {
    fn at(self, field: &'static str) -> Self;
    fn at_position(self, position: usize) -> Self;
}

impl At for Checked {
    fn at(self, field: &'static str) -> Self {
        self.map_err(|mut fault| {
            fault.path.push(Step::Field(field));
            fault
        })
    }

    fn at_position(self, position: usize) -> Self {
        self.map_err(|mut fault| {
            fault.path.push(Step::Position(position));
            fault
        })
    }
}

/// A message whose fields have bounds.
trait Shape {
    /// Checks every field.
    fn check(&self) -> Checked;
}

/// Declares the shapes of messages: `Message { field: rule, ... }`, then perhaps `=> rule;` over several fields.
macro_rules! shapes {
    ($($message:ident { $($field:ident: $rule:expr),* $(,)? } $(=> $whole:expr;)?)+) => {
        /// Each field of this module's messages with the text of its rule.
        #[cfg(test)]
        pub(super) const TABLE: &[(&str, &str)] =
            &[$($((concat!(stringify!($message), ".", stringify!($field)), stringify!($rule))),*),+];

        $(impl $crate::shape::Shape for $crate::v1::$message {
            fn check(&self) -> $crate::shape::Checked {
                use $crate::shape::At as _;
                let Self { $($field: _),* } = self;
                $($rule(&self.$field).at(stringify!($field))?;)*
                $($whole(self)?;)?
                Ok(())
            }
        })+
    };
}
use shapes;

/// Checks the envelope and the body of a record.
pub(crate) fn check(record: &Record) -> Checked {
    record.check()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The fields that a table's rules pick out, sorted.
    fn fields_with_rule(is_meant: impl Fn(&str) -> bool) -> Vec<String> {
        let tables = [
            access::TABLE,
            authorisation::TABLE,
            catalogue::TABLE,
            envelope::TABLE,
            governance::TABLE,
            licence::TABLE,
            oversight::TABLE,
            participants::TABLE,
        ];
        let rows = tables.concat().into_iter().filter(|(_, rule)| is_meant(rule));
        let mut fields: Vec<String> = rows.map(|(field, _)| field.replace("r#", "")).collect();
        fields.sort_unstable();
        fields
    }

    /// The fields that the proto's comments pick out, sorted.
    fn fields_with_comment(is_meant: impl Fn(&str) -> bool) -> Vec<String> {
        let proto = include_str!("../../../proto/muniment/v1/record.proto");
        let (mut message, mut comment, mut fields) = ("", String::new(), Vec::new());
        for line in proto.lines().map(str::trim) {
            if let Some(words) = line.strip_prefix("//") {
                comment.push_str(words);
                continue;
            }
            if let Some(name) = line.strip_prefix("message ") {
                message = name.trim_end_matches(" {");
            } else if let Some((field, _)) =
                line.split_once(" = ").filter(|_| !message.is_empty() && is_meant(&comment))
            {
                let name = field.rsplit(' ').next().expect("a field has a name");
                fields.push(format!("{message}.{name}"));
            }
            comment.clear();
        }
        fields.sort_unstable();
        fields
    }

    #[test]
    fn every_field_that_the_proto_calls_free_text_is_guarded_and_no_other() {
        let guarded = fields_with_rule(|rule| rule.contains("remark") || rule.contains("free_text"));
        assert_eq!(guarded, fields_with_comment(|comment| comment.contains("free text")));
        assert!(guarded.len() > 30, "the scan found {} fields", guarded.len());
    }

    #[test]
    fn every_field_that_the_proto_calls_scheme_qualified_is_checked_as_an_identifier_and_no_other() {
        let checked = fields_with_rule(|rule| rule.contains("identifier") || rule.contains("data_sets"));
        assert_eq!(checked, fields_with_comment(|comment| comment.contains("cheme-qualified")));
    }

    #[test]
    fn every_field_that_the_proto_gives_32_bytes_has_exactly_32_and_no_other() {
        let checked = fields_with_rule(|rule| rule.contains("digest") || rule.contains("subject_tags"));
        assert_eq!(checked, fields_with_comment(|comment| comment.contains("32 bytes")));
    }
}
