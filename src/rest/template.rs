//! The path template grammar of google/api/http.proto:
//!
//! ```text
//! Template = "/" Segments [ Verb ] ;        Variable  = "{" FieldPath [ "=" Segments ] "}" ;
//! Segments = Segment { "/" Segment } ;      FieldPath = IDENT { "." IDENT } ;
//! Segment  = "*" | "**" | LITERAL | Variable ;    Verb = ":" LITERAL ;
//! ```
//!
//! `**` stands last, variables do not nest, and a literal holds what RFC 3986 allows in a segment less the colon.

use std::fmt;

/// One segment of the path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Segment {
    /// This text, percent-decoded.
    Literal(String),
    /// `*`: any one segment.
    One,
    /// `**`: the rest of the path, however long.
    Rest,
}

/// A part of the path that goes into a field of the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// Names of the field and its parents, as written.
    pub path: Vec<String>,
    /// Index of its first segment.
    pub start: usize,
    /// One past its last segment; a `**` there takes what is left of the path.
    pub end: usize,
}

/// A parsed template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// Its segments, variables unfolded.
    pub segments: Vec<Segment>,
    /// Its variables, from left to right.
    pub variables: Vec<Variable>,
    /// The custom verb after the last colon.
    pub verb: Option<String>,
}

/// Why a template does not parse, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem} at byte {at}")]
pub struct TemplateError {
    /// Offset into the template.
    pub at: usize,
    /// What is wrong.
    pub problem: &'static str,
}

impl Template {
    /// Parses a template.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let mut parser = Parser { text, at: 0, segments: Vec::new(), variables: Vec::new() };
        parser.expect('/', "a template begins with /")?;
        parser.segments(false)?;
        let verb = if parser.eat(':') { Some(parser.literal("a verb needs a name")?) } else { None };
        if parser.at != text.len() {
            return Err(parser.error("unexpected character"));
        }
        Ok(Self { segments: parser.segments, variables: parser.variables, verb })
    }

    /// Does the template end in `**`?
    pub fn open_ended(&self) -> bool {
        self.segments.last() == Some(&Segment::Rest)
    }
}

impl fmt::Display for Template {
    /// The template with its variables' names left out: two that look the same match the same paths.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for segment in &self.segments {
            match segment {
                Segment::Literal(text) => write!(f, "/{text}")?,
                Segment::One => f.write_str("/*")?,
                Segment::Rest => f.write_str("/**")?,
            }
        }
        self.verb.iter().try_for_each(|verb| write!(f, ":{verb}"))
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    segments: Vec<Segment>,
    variables: Vec<Variable>,
}

impl Parser<'_> {
    fn error(&self, problem: &'static str) -> TemplateError {
        TemplateError { at: self.at, problem }
    }

    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn eat(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        self.at += if found { wanted.len_utf8() } else { 0 };
        found
    }

    fn expect(&mut self, wanted: char, problem: &'static str) -> Result<(), TemplateError> {
        if self.eat(wanted) { Ok(()) } else { Err(self.error(problem)) }
    }

    fn segments(&mut self, in_variable: bool) -> Result<(), TemplateError> {
        loop {
            if self.segments.last() == Some(&Segment::Rest) {
                return Err(self.error("nothing may follow **"));
            }
            self.segment(in_variable)?;
            if !self.eat('/') {
                return Ok(());
            }
        }
    }

    fn segment(&mut self, in_variable: bool) -> Result<(), TemplateError> {
        match self.peek() {
            Some('*') => {
                self.at += 1;
                let segment = if self.eat('*') { Segment::Rest } else { Segment::One };
                self.segments.push(segment);
                Ok(())
            }
            Some('{') if in_variable => Err(self.error("variables do not nest")),
            Some('{') => self.variable(),
            _ => {
                let literal = self.literal("a segment is empty or has a character that must be escaped")?;
                self.segments.push(Segment::Literal(literal));
                Ok(())
            }
        }
    }

    fn variable(&mut self) -> Result<(), TemplateError> {
        self.at += 1;
        let mut path = vec![self.ident()?];
        while self.eat('.') {
            path.push(self.ident()?);
        }
        if self.variables.iter().any(|other| other.path == path) {
            return Err(self.error("the variable is bound twice"));
        }
        let start = self.segments.len();
        if self.eat('=') {
            self.segments(true)?;
        } else {
            self.segments.push(Segment::One);
        }
        self.expect('}', "a variable ends with }")?;
        self.variables.push(Variable { path, start, end: self.segments.len() });
        Ok(())
    }

    fn ident(&mut self) -> Result<String, TemplateError> {
        let rest = &self.text[self.at..];
        let length = rest.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
        if length == 0 || rest.as_bytes()[0].is_ascii_digit() {
            return Err(self.error("a field path is made of names and dots"));
        }
        self.at += length;
        Ok(rest[..length].to_owned())
    }

    /// RFC 3986 `segment` less the colon; percent-escapes are decoded, since matching is on decoded text.
    fn literal(&mut self, problem: &'static str) -> Result<String, TemplateError> {
        let rest = &self.text[self.at..];
        let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()+,;@%".contains(byte);
        let length = rest.bytes().take_while(allowed).count();
        let decoded = super::escape::decode(&rest[..length], false).map_err(|_| self.error("bad percent-encoding"))?;
        if length == 0 {
            return Err(self.error(problem));
        }
        self.at += length;
        Ok(decoded.into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn literal(text: &str) -> Segment {
        Segment::Literal(text.into())
    }

    fn variable(path: &str, start: usize, end: usize) -> Variable {
        Variable { path: path.split('.').map(str::to_owned).collect(), start, end }
    }

    #[test]
    fn templates_parse_to_segments_variables_and_a_verb() {
        for (text, segments, variables, verb) in [
            ("/v1", vec![literal("v1")], vec![], None),
            ("/v1/*", vec![literal("v1"), Segment::One], vec![], None),
            ("/**", vec![Segment::Rest], vec![], None),
            ("/v1:watch", vec![literal("v1")], vec![], Some("watch")),
            ("/v1/{id}", vec![literal("v1"), Segment::One], vec![variable("id", 1, 2)], None),
            ("/v1/{id=*}:go", vec![literal("v1"), Segment::One], vec![variable("id", 1, 2)], Some("go")),
            (
                "/v1/{a.b.c=x/*}/y/{d=**}:z",
                vec![literal("v1"), literal("x"), Segment::One, literal("y"), Segment::Rest],
                vec![variable("a.b.c", 1, 3), variable("d", 4, 5)],
                Some("z"),
            ),
            ("/a%20b/c@d", vec![literal("a b"), literal("c@d")], vec![], None),
            (
                "/v1/{name=operations/**}",
                vec![literal("v1"), literal("operations"), Segment::Rest],
                vec![variable("name", 1, 3)],
                None,
            ),
        ] {
            let parsed = Template::parse(text).unwrap();
            assert_eq!(parsed.segments, segments, "{text}");
            assert_eq!(parsed.variables, variables, "{text}");
            assert_eq!(parsed.verb.as_deref(), verb, "{text}");
        }
    }

    #[test]
    fn bad_templates_are_refused_with_the_place() {
        for (text, at) in [
            ("", 0),
            ("v1", 0),
            ("/", 1),
            ("//v1", 1),
            ("/v1/", 4),
            ("/v1//a", 4),
            ("/v1/**/a", 7),
            ("/{a=**}/b", 8),
            ("/v1/***", 6),
            ("/v1/a*", 5),
            ("/v1/{", 5),
            ("/v1/{}", 5),
            ("/v1/{a", 6),
            ("/v1/{a=}", 7),
            ("/v1/{a={b}}", 7),
            ("/v1/{a.}", 7),
            ("/v1/{.a}", 5),
            ("/v1/{1a}", 5),
            ("/v1/{a}b", 7),
            ("/v1/{a}/{a}", 10),
            ("/v1:", 4),
            ("/v1:a:b", 5),
            ("/v1:a/b", 5),
            ("/v1:{a}", 4),
            ("/v1/a b", 5),
            ("/v1/%zz", 4),
            ("/v1?x", 3),
            ("/v1/}", 4),
            ("/é", 1),
        ] {
            assert_eq!(Template::parse(text).map_err(|error| error.at), Err(at), "{text}");
        }
    }

    #[test]
    fn a_template_shows_what_it_matches_and_not_how_variables_are_called() {
        let shown = |text: &str| Template::parse(text).unwrap().to_string();
        assert_eq!(shown("/v1/{name=shelves/*}:go"), "/v1/shelves/*:go");
        assert_eq!(shown("/v1/shelves/{id}:go"), shown("/v1/{other=shelves/*}:go"));
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "[/a*{}=.:%20é-]{0,24}") {
            let _ = Template::parse(&text);
        }
    }
}
