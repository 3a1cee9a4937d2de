//! Compiled forms, kept for the next scorecard on the same template: compiling takes several times as long as scoring.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use crate::domain::form::Form;
use crate::error::{Error, Result};
use crate::pb::cresta::v1::coaching::{ScorecardTemplate, TemplateStructure};

/// Forms kept; beyond it all are dropped and made again. A form of fifty questions is some 20 KB.
const KEPT: usize = 256;

/// By revision id, which is half a hash: the structure beside the form says whether it is that one.
type Forms = HashMap<String, (TemplateStructure, Arc<Form>)>;

/// A form is a function of its structure alone, so one store of them serves every tenant and store of the process.
static FORMS: LazyLock<Mutex<Forms>> = LazyLock::new(Mutex::default);

/// The form of a stored template: it passed the lint when it was written.
pub(super) fn compiled(template: &ScorecardTemplate) -> Result<Arc<Form>> {
    let structure =
        template.template.as_ref().ok_or_else(|| Error::internal(format!("{} has no structure", template.name)))?;
    // Held for moments; a form is in it whole or not at all, so poison means nothing.
    let kept = || FORMS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((same, form)) = kept().get(&template.revision)
        && same == structure
    {
        return Ok(form.clone());
    }
    let form = Form::compile(structure)
        .map_err(|faults| Error::internal(format!("{} no longer compiles: {faults:?}", template.name)))?;
    let form = Arc::new(form);
    let mut kept = kept();
    if kept.len() >= KEPT {
        kept.clear();
    }
    kept.insert(template.revision.clone(), (structure.clone(), form.clone()));
    Ok(form)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pb::cresta::v1::coaching::{Chapter, Criterion, YesNoType, criterion::Type};

    fn template(revision: &str, chapter: &str) -> ScorecardTemplate {
        let criterion =
            Criterion { id: "q".into(), r#type: Some(Type::YesNo(YesNoType::default())), ..Default::default() };
        let chapters = vec![Chapter { id: chapter.into(), criteria: vec![criterion], ..Default::default() }];
        let structure = TemplateStructure { chapters, scoring: None };
        ScorecardTemplate { revision: revision.into(), template: Some(structure), ..Default::default() }
    }

    #[test]
    fn a_structure_is_compiled_once_and_a_revision_id_that_collides_gets_its_own_form() {
        let (one, other) = (template("00c0ffee", "a"), template("00c0ffee", "b"));
        let form = compiled(&one).unwrap();
        assert!(Arc::ptr_eq(&form, &compiled(&one).unwrap()));
        assert_eq!(compiled(&other).unwrap().chapters()[0].id, "b");
        assert_eq!(compiled(&one).unwrap().chapters()[0].id, "a");
    }
}
