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
    use std::collections::BTreeMap;

    use super::*;

    /// Each field with its rule in the tables and its comment in the proto.
    fn fields() -> BTreeMap<String, (String, String)> {
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
        let mut rules: BTreeMap<String, &str> =
            tables.concat().into_iter().map(|(field, rule)| (field.replace("r#", ""), rule)).collect();
        let proto = include_str!("../../../proto/muniment/v1/record.proto");
        let (mut message, mut comment, mut fields) = ("", String::new(), BTreeMap::new());
        for line in proto.lines().map(str::trim) {
            if let Some(words) = line.strip_prefix("//") {
                comment.push_str(words);
                continue;
            }
            if let Some(name) = line.strip_prefix("message ") {
                message = name.trim_end_matches(" {");
            } else if let Some((field, _)) = line.split_once(" = ") {
                let name = field.rsplit(' ').next().expect("a field has a name");
                let name = format!("{message}.{name}");
                // Values of enumerations and alternatives of a oneof have no row.
                if let Some(rule) = rules.remove(&name) {
                    fields.insert(name, (rule.to_owned(), comment.clone()));
                }
            }
            comment.clear();
        }
        let oneofs: Vec<&str> = rules.keys().map(String::as_str).collect();
        assert_eq!(oneofs, ["Anchor.anchored", "Record.body"], "every other row is a field with a number");
        fields
    }

    /// Insists that the rules say something of a field exactly when the comments do.
    fn check_agree(by_rule: impl Fn(&str) -> bool, by_comment: impl Fn(&str) -> bool) {
        for (field, (rule, comment)) in fields() {
            assert_eq!(
                by_rule(&rule),
                by_comment(&comment),
                "{field}: the rule is {rule}, the comment{comment}"
            );
        }
    }

    #[test]
    fn every_field_that_the_proto_calls_free_text_is_guarded_and_no_other() {
        check_agree(
            |rule| rule.contains("remark") || rule.contains("free_text"),
            |comment| comment.contains("free text"),
        );
    }

    #[test]
    fn every_field_that_the_proto_calls_scheme_qualified_is_checked_as_an_identifier_and_no_other() {
        check_agree(
            |rule| rule.contains("identifier") || rule.contains("data_sets"),
            |comment| comment.contains("cheme-qualified"),
        );
    }

    #[test]
    fn every_field_that_the_proto_gives_32_bytes_has_exactly_32_and_no_other() {
        check_agree(
            |rule| rule.contains("digest") || rule.contains("subject_tags"),
            |comment| comment.contains("32 bytes"),
        );
    }

    #[test]
    fn every_field_that_the_proto_makes_ascending_has_to_ascend_and_no_other() {
        let lists = ["ascending", "leaves(", "item_codes", "data_sets", "subject_tags"];
        check_agree(
            |rule| lists.iter().any(|list| rule.contains(list)),
            |comment| comment.contains("scending"),
        );
    }

    #[test]
    fn times_are_bounded_where_the_proto_counts_milliseconds() {
        check_agree(
            |rule| rule.contains("time_ms"),
            |comment| {
                comment.contains("milliseconds since 1970")
                    || comment.contains("Milliseconds since 1970")
                    || comment.contains("Start, inclusive")
                    || comment.contains("End, exclusive")
            },
        );
    }

    #[test]
    fn what_the_proto_calls_optional_may_be_left_out_and_what_it_does_not_may_not() {
        for (field, (rule, comment)) in fields() {
            let says_optional = comment.contains("ptional") || comment.contains("None cited");
            if rule.starts_with("optional") {
                assert!(says_optional, "{field} may be left out");
            }
            if ["required", "digest", "identifier", "known::"].iter().any(|needed| rule.starts_with(needed)) {
                assert!(!says_optional, "{field} must be stated");
            }
        }
    }

    #[test]
    fn texts_have_the_bounds_that_the_proto_states() {
        let mut texts = 0;
        for (field, (rule, comment)) in fields() {
            let Some((_, bounds)) = rule.split_once("text(") else { continue };
            let (least, most) = bounds.trim_end_matches(')').split_once("..=").expect("a range");
            let most = most.replace("TEXT_BYTES_MAX", "2,048").replace("KEY_BYTES_MAX", "512");
            let stated =
                if least == "0" { format!("at most {most} bytes") } else { format!("1 to {most} bytes") };
            assert!(comment.contains(&stated), "{field}: the rule is {rule}, the comment{comment}");
            texts += 1;
        }
        assert!(texts > 20, "the scan found {texts} texts");
    }
}
