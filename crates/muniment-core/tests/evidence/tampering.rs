//! What can be wrong with a receipt, and which step finds it. One table for the tests and for the shared vectors.

use muniment_core::TreeSize;
use muniment_core::receipt::Receipt;
use muniment_core::verify::Outcome::{self, Malformed, Tampered, Undecidable};
use muniment_core::verify::Step;

use crate::ledger::Ledger;

/// A change of a receipt's content, whole and encoded anew.
pub(crate) struct Change {
    /// What is changed.
    pub(crate) name: &'static str,
    /// The step that finds it.
    pub(crate) step: Step,
    /// What it finds.
    pub(crate) outcome: Outcome,
    /// Makes the change.
    pub(crate) apply: fn(&Ledger, &mut Receipt),
}

/// A change of a receipt's text.
pub(crate) struct TextChange {
    /// What is changed.
    pub(crate) name: &'static str,
    /// What the step "format" finds.
    pub(crate) outcome: Outcome,
    /// Makes the change.
    pub(crate) apply: fn(&str) -> String,
}

const fn change(
    name: &'static str,
    step: Step,
    outcome: Outcome,
    apply: fn(&Ledger, &mut Receipt),
) -> Change {
    Change { name, step, outcome, apply }
}

/// Changes of the sample ledger's receipt for leaf 9 at size 10, which carries one handover.
pub(crate) const CHANGES: &[Change] = &[
    change("another origin", Step::Ledger, Tampered, |_, r| r.checkpoint.body.origin.push('x')),
    change("stub of a later version", Step::Stub, Undecidable, |_, r| r.leaf.stub[0] = 2),
    change("stub of version 0", Step::Stub, Tampered, |_, r| r.leaf.stub[0] = 0),
    change("reserved bit of the stub", Step::Stub, Tampered, |_, r| r.leaf.stub[3] |= 0x80),
    change("another kind", Step::Record, Tampered, |_, r| r.leaf.stub[1] = 50),
    change("unknown kind", Step::Record, Undecidable, |_, r| r.leaf.stub[1] = 199),
    change("another submitter", Step::Record, Tampered, |_, r| r.leaf.stub[7] = 2),
    change("another occurred_at", Step::Record, Tampered, |_, r| r.leaf.stub[31] ^= 1),
    change("historic bit", Step::Record, Tampered, |_, r| r.leaf.stub[3] ^= 0x08),
    change("sealed bit", Step::Record, Tampered, |_, r| r.leaf.stub[3] ^= 0x10),
    change("another verdict", Step::Terms, Tampered, |_, r| r.leaf.stub[23] ^= 1),
    change("another terms digest", Step::Terms, Tampered, |_, r| r.leaf.terms_digest.0[0] ^= 1),
    change("another content digest", Step::Content, Tampered, |_, r| r.leaf.stub[32] ^= 1),
    change("another accepted_at", Step::Inclusion, Tampered, |_, r| r.leaf.stub[15] ^= 1),
    change("another retention class", Step::Inclusion, Tampered, |_, r| r.leaf.stub[3] ^= 0x03),
    change("another index", Step::Inclusion, Tampered, |_, r| r.leaf.index.0 = 8),
    change("index of the size", Step::Inclusion, Tampered, |_, r| r.leaf.index.0 = 10),
    change("path without its last hash", Step::Inclusion, Tampered, |_, r| r.leaf.path.truncate(1)),
    change("path with a hash more", Step::Inclusion, Tampered, |_, r| r.leaf.path.push(r.leaf.path[0])),
    change("another size", Step::Inclusion, Tampered, |_, r| r.checkpoint.body.size.0 = 11),
    change("size over 2^62", Step::Format, Malformed, |_, r| r.checkpoint.body.size.0 = (1 << 62) + 1),
    change("handover twice", Step::Handover, Tampered, |_, r| r.handovers.push(r.handovers[0].clone())),
    change("handover of another leaf", Step::Handover, Tampered, |_, r| r.handovers[0].leaf.index.0 = 6),
    change("handover of q of one epoch only", Step::Handover, Tampered, |_, r| {
        r.handovers[0].checkpoint.lines.retain(|line| !line.name.ends_with("wuhu"));
    }),
    change("handover with lines in another order", Step::Handover, Tampered, |_, r| {
        r.handovers[0].checkpoint.lines.reverse();
    }),
    change("handover with a stranger's line", Step::Handover, Tampered, |l, r| {
        let checkpoint = &mut r.handovers[0].checkpoint;
        let stranger = crate::fixture::Bureau::new(l.suite, 7);
        checkpoint.lines.push(stranger.cosigning.sign(&checkpoint.body, crate::fixture::TIME_S));
        checkpoint.sort_lines();
    }),
    change("handover at another size", Step::Handover, Tampered, |l, r| {
        r.handovers[0] = l.handover_at(TreeSize(9));
    }),
    change("handover left out", Step::Members, Undecidable, |_, r| r.handovers.clear()),
    change("epoch without a handover", Step::Members, Undecidable, |_, r| {
        r.checkpoint.body.members_epoch = 2
    }),
    change("another member digest", Step::Members, Tampered, |_, r| {
        r.checkpoint.body.members_digest.0[0] ^= 1
    }),
    change("members of another epoch", Step::Members, Tampered, |l, r| r.members = l.epochs[0].encode()),
    change("fewer than q bureaus", Step::Cosignatures, Tampered, |_, r| {
        r.checkpoint.lines.retain(|line| !line.name.ends_with("hefei"));
    }),
    change("another index root", Step::Cosignatures, Tampered, |_, r| r.checkpoint.body.index_root.0[0] ^= 1),
    change("another cosignature time", Step::Cosignatures, Tampered, |_, r| {
        r.checkpoint.lines.last_mut().expect("lines").signature[7] ^= 1;
    }),
    change("admission left out", Step::Admission, Tampered, |_, r| r.admission = None),
    change("another admission signature", Step::Admission, Tampered, |_, r| {
        *r.admission.as_mut().expect("admitted").admission.last_mut().expect("bytes") ^= 1;
    }),
    change("another request id", Step::Admission, Tampered, |_, r| {
        r.admission.as_mut().expect("admitted").admission[19] ^= 1;
    }),
    change("another position in the admission", Step::Admission, Tampered, |_, r| {
        r.admission.as_mut().expect("admitted").position = 1;
    }),
    change("admission with a byte more", Step::Admission, Malformed, |_, r| {
        r.admission.as_mut().expect("admitted").admission.push(0);
    }),
];

/// Changes of the same receipt's text that the first step finds.
pub(crate) const TEXT_CHANGES: &[TextChange] = &[
    text("a newline more at the end", Malformed, |text| format!("{text}\n")),
    text("no newline at the end", Malformed, |text| text.trim_end().to_owned()),
    text("a newline before", Malformed, |text| format!("\n{text}")),
    text("CRLF", Malformed, |text| text.replace('\n', "\r\n")),
    text("a byte order mark", Malformed, |text| format!("\u{feff}{text}")),
    text("a NUL at the end", Malformed, |text| format!("{text}\0")),
    text("a leading zero in the index", Malformed, |text| text.replace("index 9\n", "index 09\n")),
    text("a sign before the index", Malformed, |text| text.replace("index 9\n", "index +9\n")),
    text("a leading zero in the size", Malformed, |text| text.replace("\n10\n", "\n010\n")),
    text("two spaces", Malformed, |text| text.replace("index 9\n", "index  9\n")),
    text("a trailing space", Malformed, |text| text.replace("index 9\n", "index 9 \n")),
    text("base64 without padding", Malformed, |text| text.replace("=\n", "\n")),
    text("base64 with slack bits", Malformed, slack_bits),
    text("signature lines in another order", Malformed, last_lines_swapped),
    text("a signature line twice", Malformed, last_line_twice),
    text("a body line that the format does not have", Tampered, |text| {
        text.replace("\nmembers ", "\nnote more\nmembers ")
    }),
    // Field 6, which is 0 here and therefore left out; and field 99, which the message does not have.
    text("a default value in the message", Tampered, |text| with_extra(text, &[0x30, 0])),
    text("an unknown field in the message", Tampered, |text| with_extra(text, &[0x98, 0x06, 1])),
    text("a message that breaks off", Malformed, |text| with_extra(text, &[0x0a])),
];

const fn text(name: &'static str, outcome: Outcome, apply: fn(&str) -> String) -> TextChange {
    TextChange { name, outcome, apply }
}

/// Appends bytes to the message in the extra line.
fn with_extra(text: &str, bytes: &[u8]) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let extra = crate::base64::decode(lines[1].strip_prefix("extra ").expect("the second line"));
    lines[1] = format!("extra {}", crate::base64::encode(&[extra.as_slice(), bytes].concat()));
    lines.join("\n") + "\n"
}

fn last_line_twice(text: &str) -> String {
    let last = text.trim_end().rfind('\n').expect("lines");
    format!("{text}{}", &text[last + 1..])
}

/// Sets a slack bit in the path's first hash, whose 32 bytes leave two.
fn slack_bits(text: &str) -> String {
    let at = text.find("index 9\n").expect("the index") + "index 9\n".len() + 42;
    let last = char::from(text.as_bytes()[at] + 1);
    format!("{}{last}{}", &text[..at], &text[at + 1..])
}

fn last_lines_swapped(text: &str) -> String {
    let mut lines: Vec<&str> = text.lines().collect();
    let count = lines.len();
    lines.swap(count - 2, count - 1);
    lines.join("\n") + "\n"
}
