//! Revision ids, and names with and without them.

use prost::Message;
use sha2::{Digest, Sha256};

use crate::pb::cresta::v1::coaching::TemplateStructure;

/// The id of a structure's revision: the first 8 hexadecimal digits of the SHA-256 of its encoding, which is the same on
/// every machine since the messages hold no maps and fields are written in the order of their numbers.
pub fn revision_id(structure: &TemplateStructure) -> String {
    let hash = Sha256::digest(structure.encode_to_vec());
    hash.iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}

/// A template's name with the revision that is meant, in place of any that it carries.
pub fn at_revision(template_name: &str, revision: &str) -> String {
    format!("{}@{revision}", unrevised(template_name))
}

/// A template's name without `@revision`.
pub fn unrevised(template_name: &str) -> &str {
    template_name.split_once('@').map_or(template_name, |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::fixtures::{chapter, structure, yes_no};

    #[test]
    fn a_revision_id_is_pinned_for_ever() {
        // Stored names hold this id: if the encoding or the hash ever changes, old scorecards lose their template.
        assert_eq!(revision_id(&TemplateStructure::default()), "e3b0c442");
        assert_eq!(revision_id(&structure(vec![chapter("c", vec![yes_no("q")])])), "3518219c");
    }

    #[test]
    fn any_change_of_structure_changes_the_id() {
        let one = structure(vec![chapter("c", vec![yes_no("q")])]);
        let mut other = one.clone();
        other.chapters[0].criteria[0].help_text = "look twice".into();
        assert_ne!(revision_id(&one), revision_id(&other));
    }

    #[test]
    fn names_take_and_lose_their_revision() {
        let name = "customers/c/profiles/p/scorecardTemplates/t";
        assert_eq!(at_revision(name, "0a0b0c0d"), format!("{name}@0a0b0c0d"));
        assert_eq!(at_revision(&format!("{name}@00000000"), "0a0b0c0d"), format!("{name}@0a0b0c0d"));
        assert_eq!(unrevised(&format!("{name}@0a0b0c0d")), name);
        assert_eq!(unrevised(name), name);
    }
}
