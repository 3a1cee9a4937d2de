//! Compiles `google.api.http` rules to routes, once, at start-up. Whatever is wrong with a rule is an error here and
//! never a surprise at run time.

use std::sync::Arc;

use http::{Method, Uri};
use prost_reflect::{DescriptorPool, DynamicMessage, MethodDescriptor, Value};

use super::plan::{Card, Kind, MessageId, Plans, Shape};
use super::router::Router;
use super::template::{Template, TemplateError};

/// Why the routes cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The pool lacks `google/api/annotations.proto`.
    #[error("the descriptors have no google.api.http extension")]
    NoAnnotations,
    /// A service was named that the pool lacks.
    #[error("unknown service {0}")]
    UnknownService(String),
    /// A path template does not parse.
    #[error("{rpc}: template {template:?}: {source}")]
    Template {
        /// Full name of the method.
        rpc: String,
        /// The template.
        template: String,
        /// What is wrong with it.
        source: TemplateError,
    },
    /// A rule that http.proto does not allow, or that fits no field.
    #[error("{rpc}: {problem}")]
    Rule {
        /// Full name of the method.
        rpc: String,
        /// What is wrong.
        problem: String,
    },
    /// Two rules for the same method and paths.
    #[error("{rpc}: {template} is bound to {other} already")]
    Duplicate {
        /// Full name of the method.
        rpc: String,
        /// The paths, variables' names left out.
        template: String,
        /// Path of the method that has them.
        other: String,
    },
    /// The standard error details clash with the pool's.
    #[error("error details: {0}")]
    Details(#[from] prost_reflect::DescriptorError),
}

/// What the HTTP body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whole {
    /// The message.
    Message,
    /// This field of it.
    Field(u16),
}

/// A path variable, its field resolved.
#[derive(Debug)]
pub(crate) struct Variable {
    pub(crate) path: Vec<u16>,
    pub(crate) start: usize,
    /// `None`: to the end of the path.
    pub(crate) end: Option<usize>,
    /// Of one `*` exactly: then `%2F` is decoded too.
    pub(crate) single: bool,
}

/// One binding of one method.
#[derive(Debug)]
pub(crate) struct Route {
    /// `/package.Service/Method`.
    pub(crate) rpc: Arc<str>,
    pub(crate) uri: Uri,
    pub(crate) input: MessageId,
    pub(crate) output: MessageId,
    pub(crate) variables: Vec<Variable>,
    pub(crate) body: Option<Whole>,
    /// The body is a `google.api.HttpBody`: any bytes.
    pub(crate) raw_body: bool,
    pub(crate) reply: Whole,
    /// So is the answer.
    pub(crate) raw_reply: bool,
    pub(crate) streaming: bool,
    /// The request's field that the body's resource is.
    pub(crate) resource: Option<u16>,
    /// A PATCH's `update_mask`, to be inferred (AIP-134).
    pub(crate) mask: Option<u16>,
}

pub(crate) struct Bindings {
    pub(crate) plans: Plans,
    pub(crate) router: Router,
    pub(crate) routes: Vec<Route>,
}

/// Binds the named services, or every service of the pool that has rules.
pub(crate) fn bind(pool: &DescriptorPool, services: &[&str]) -> Result<Bindings, BuildError> {
    let rule = pool.get_extension_by_name("google.api.http").ok_or(BuildError::NoAnnotations)?;
    let mut pool = pool.clone();
    if pool.get_message_by_name("google.rpc.ErrorInfo").is_none() {
        // So that the details of errors can be shown whatever the service's own files import.
        pool.decode_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)?;
    }
    for name in services {
        pool.get_service_by_name(name).ok_or_else(|| BuildError::UnknownService((*name).to_owned()))?;
    }
    let mut bindings = Bindings { plans: Plans::new(&pool), router: Router::default(), routes: Vec::new() };
    for service in pool.services().filter(|found| services.is_empty() || services.contains(&found.full_name())) {
        for method in service.methods() {
            let options = method.options();
            if options.has_extension(&rule)
                && let Value::Message(rule) = options.get_extension(&rule).as_ref()
            {
                bindings.add(&method, rule, true)?;
            }
        }
    }
    Ok(bindings)
}

impl Bindings {
    fn add(&mut self, method: &MethodDescriptor, rule: &DynamicMessage, outer: bool) -> Result<(), BuildError> {
        let maker = Maker { plans: &self.plans, method };
        let (verb, text) = maker.pattern(rule)?;
        let template = Template::parse(&text).map_err(|source| BuildError::Template {
            rpc: method.full_name().to_owned(),
            template: text.clone(),
            source,
        })?;
        let route = maker.route(rule, &template, verb.as_ref())?;
        if let Err(other) = self.router.add(verb, &template, self.routes.len()) {
            return Err(BuildError::Duplicate {
                rpc: method.full_name().to_owned(),
                template: template.to_string(),
                other: self.routes[other].rpc.to_string(),
            });
        }
        self.routes.push(route);
        let more = rule.get_field_by_name("additional_bindings");
        for more in more.as_deref().and_then(Value::as_list).unwrap_or_default() {
            match more {
                Value::Message(rule) if outer => self.add(method, rule, false)?,
                _ => return Err(Maker { plans: &self.plans, method }.wrong("additional bindings do not nest")),
            }
        }
        Ok(())
    }
}

struct Maker<'a> {
    plans: &'a Plans,
    method: &'a MethodDescriptor,
}

impl Maker<'_> {
    fn wrong(&self, problem: impl Into<String>) -> BuildError {
        BuildError::Rule { rpc: self.method.full_name().to_owned(), problem: problem.into() }
    }

    /// HTTP method (`None` is every one) and template.
    fn pattern(&self, rule: &DynamicMessage) -> Result<(Option<Method>, String), BuildError> {
        let known = [
            ("get", Method::GET),
            ("put", Method::PUT),
            ("post", Method::POST),
            ("delete", Method::DELETE),
            ("patch", Method::PATCH),
        ];
        for (name, method) in known {
            if rule.has_field_by_name(name) {
                return Ok((Some(method), string(rule, name)));
            }
        }
        let custom = rule.get_field_by_name("custom").filter(|_| rule.has_field_by_name("custom"));
        let Some(Value::Message(custom)) = custom.as_deref() else { return Err(self.wrong("the rule has no pattern")) };
        let kind = string(custom, "kind");
        let method = match kind.as_str() {
            "*" => None,
            _ => Some(kind.parse().map_err(|_| self.wrong(format!("{kind:?} is not an HTTP method")))?),
        };
        Ok((method, string(custom, "path")))
    }

    fn route(&self, rule: &DynamicMessage, template: &Template, verb: Option<&Method>) -> Result<Route, BuildError> {
        if self.method.is_client_streaming() {
            return Err(self.wrong("a client stream cannot be bound to HTTP"));
        }
        let rpc = format!("/{}/{}", self.method.parent_service().full_name(), self.method.name());
        let input = self.message(self.method.input().full_name())?;
        let output = self.message(self.method.output().full_name())?;
        let variables = template
            .variables
            .iter()
            .map(|variable| {
                let rest = template.open_ended() && variable.end == template.segments.len();
                Ok(Variable {
                    path: self.field_path(input, &variable.path)?,
                    start: variable.start,
                    end: (!rest).then_some(variable.end),
                    single: !rest && variable.end == variable.start + 1,
                })
            })
            .collect::<Result<Vec<_>, BuildError>>()?;
        let body = match string(rule, "body").as_str() {
            "" => None,
            "*" => Some(Whole::Message),
            name => Some(Whole::Field(self.field(input, name)?)),
        };
        let reply = match string(rule, "response_body").as_str() {
            "" => Whole::Message,
            name => Whole::Field(self.field(output, name)?),
        };
        for variable in &variables {
            if matches!(body, Some(Whole::Field(at)) if variable.path == [at]) {
                return Err(self.wrong("the body's field is bound by the path already"));
            }
        }
        let resource = self.resource(input, &variables, body);
        Ok(Route {
            uri: rpc.parse().map_err(|_| self.wrong("the method's name makes no path"))?,
            rpc: rpc.into(),
            raw_body: body.is_some_and(|body| self.is_raw(input, body)),
            raw_reply: self.is_raw(output, reply),
            streaming: self.method.is_server_streaming(),
            mask: resource.filter(|_| verb == Some(&Method::PATCH)).and_then(|_| self.mask(input)),
            resource,
            input,
            output,
            variables,
            body,
            reply,
        })
    }

    fn message(&self, name: &str) -> Result<MessageId, BuildError> {
        self.plans.id(name).ok_or_else(|| self.wrong(format!("unknown message {name}")))
    }

    fn field(&self, id: MessageId, name: &str) -> Result<u16, BuildError> {
        let message = &self.plans.messages[id];
        message.named(name).ok_or_else(|| self.wrong(format!("{} has no field {name:?}", message.name)))
    }

    /// A path variable's field: one value, of text, through messages that stand alone (http.proto, "special notes").
    fn field_path(&self, mut id: MessageId, names: &[String]) -> Result<Vec<u16>, BuildError> {
        let mut path = Vec::with_capacity(names.len());
        for (depth, name) in names.iter().enumerate() {
            let at = self.field(id, name)?;
            let field = self.plans.messages[id].field(at);
            let last = depth + 1 == names.len();
            match field.kind {
                _ if !matches!(field.card, Card::Singular { .. }) => {
                    return Err(self.wrong(format!("path variable {} is repeated", names.join("."))));
                }
                kind if last && self.plans.is_text(kind) => {}
                Kind::Message(inner) if !last && self.plans.messages[inner].shape == Shape::Plain => id = inner,
                _ => return Err(self.wrong(format!("path variable {} is not a scalar", names.join(".")))),
            }
            path.push(at);
        }
        Ok(path)
    }

    fn is_raw(&self, id: MessageId, whole: Whole) -> bool {
        match whole {
            Whole::Message => self.plans.messages[id].shape == Shape::HttpBody,
            Whole::Field(at) => {
                let field = self.plans.messages[id].field(at);
                matches!(field.card, Card::Singular { .. }) && self.plans.shape(field.kind) == Some(Shape::HttpBody)
            }
        }
    }

    /// The field that is changed: `target` of the variable `target.name`, else the body's field.
    fn resource(&self, input: MessageId, variables: &[Variable], body: Option<Whole>) -> Option<u16> {
        let named = variables.iter().find(|variable| variable.path.len() > 1).map(|variable| variable.path[0]);
        let found = match (named, body?) {
            (Some(at), Whole::Message) => at,
            (None, Whole::Message) => return None,
            (Some(at), Whole::Field(field)) if at != field => return None,
            (_, Whole::Field(field)) => field,
        };
        let field = self.plans.messages[input].field(found);
        let plain = self.plans.shape(field.kind) == Some(Shape::Plain);
        (plain && matches!(field.card, Card::Singular { .. })).then_some(found)
    }

    fn mask(&self, input: MessageId) -> Option<u16> {
        let message = &self.plans.messages[input];
        let at = message.named("update_mask")?;
        let field = message.field(at);
        let is_mask = self.plans.shape(field.kind) == Some(Shape::FieldMask);
        (is_mask && matches!(field.card, Card::Singular { .. })).then_some(at)
    }
}

fn string(message: &DynamicMessage, field: &str) -> String {
    message.get_field_by_name(field).and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}
