//! From method and path to a route: a tree of segments in which a literal is tried before `*` and `*` before `**`.
//!
//! A custom verb is what follows the last colon of the last segment, provided that a template ends in it there;
//! otherwise the colon belongs to the segment. Where templates with verbs match the rest of the path and this verb is
//! none of theirs, the caller has mistyped it: that is said, and the colon is not taken for part of an id.

use std::collections::BTreeMap;

use http::Method;

use super::template::{Segment, Template};

/// Index of a route, given out by whoever fills the router.
pub(crate) type RouteId = usize;

/// A path cut into its segments, undecoded.
pub(crate) struct Segments<'a> {
    /// The path without its verb.
    pub(crate) path: &'a str,
    /// Where each segment starts and ends in `path`.
    pub(crate) spans: Vec<(usize, usize)>,
}

impl<'a> Segments<'a> {
    /// `None` unless every segment has something in it: a doubled or trailing slash leads nowhere.
    fn new(path: &'a str) -> Option<Self> {
        let mut spans = Vec::with_capacity(8);
        let mut start = 1;
        path.strip_prefix('/')?;
        for (at, _) in path.match_indices('/').skip(1).chain([(path.len(), "")]) {
            if at == start {
                return None;
            }
            spans.push((start, at));
            start = at + 1;
        }
        Some(Self { path, spans })
    }

    fn decoded(&self) -> Vec<Option<String>> {
        let decode = |(start, end): &(usize, usize)| {
            let text = &self.path[*start..*end];
            text.contains('%')
                .then(|| super::escape::decode(text, false).map(|text| text.into_owned()).unwrap_or_default())
        };
        self.spans.iter().map(decode).collect()
    }
}

/// What a method and path lead to.
pub(crate) enum Found<'a> {
    Route(RouteId, Segments<'a>),
    /// The path is known, with these methods.
    WrongMethod(Vec<Method>),
    /// The path is known with these verbs, and not with this one.
    UnknownVerb(&'a str, Vec<String>),
    Nothing,
}

#[derive(Debug, Default)]
struct Node {
    literals: BTreeMap<String, Node>,
    one: Option<Box<Node>>,
    /// What ends here, and what ends here with `**`.
    ends: Ends,
    rests: Ends,
}

/// By verb; the empty verb is none. `None` for a method is every method.
type Ends = BTreeMap<String, Vec<(Option<Method>, RouteId)>>;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Router {
    root: Node,
}

impl Router {
    /// Adds a route; the error is the route that matches the very same paths.
    pub(crate) fn add(&mut self, method: Option<Method>, template: &Template, route: RouteId) -> Result<(), RouteId> {
        let mut node = &mut self.root;
        for segment in &template.segments {
            node = match segment {
                Segment::Literal(text) => node.literals.entry(text.clone()).or_default(),
                Segment::One => node.one.get_or_insert_default(),
                Segment::Rest => break,
            };
        }
        let ends = if template.open_ended() { &mut node.rests } else { &mut node.ends };
        let methods = ends.entry(template.verb.clone().unwrap_or_default()).or_default();
        if let Some((_, other)) = methods.iter().find(|(other, _)| *other == method) {
            return Err(*other);
        }
        methods.push((method, route));
        Ok(())
    }

    pub(crate) fn find<'a>(&self, method: &Method, path: &'a str) -> Found<'a> {
        let Some(whole) = Segments::new(path) else { return Found::Nothing };
        let last = whole.spans.last().map_or(0, |(start, _)| *start);
        if let Some(colon) = path[last..].rfind(':').map(|at| last + at) {
            let verb = &path[colon + 1..];
            // In `/v1/shelves/:merge` the name is missing, and `:merge` is hardly meant as one.
            let bare = Segments::new(&path[..colon]);
            if bare.is_none() {
                return Found::Nothing;
            }
            if let Some(bare) = bare.filter(|_| !verb.is_empty()) {
                let mut search = Search::new(method, verb);
                search.run(&self.root, &bare);
                match search.finish(bare) {
                    Found::Nothing if search.verbs.is_empty() => {}
                    Found::Nothing => return Found::UnknownVerb(verb, search.verbs),
                    found => return found,
                }
            }
        }
        let mut search = Search::new(method, "");
        search.run(&self.root, &whole);
        search.finish(whole)
    }
}

/// One walk down the tree.
struct Search<'s> {
    method: &'s Method,
    verb: &'s str,
    route: Option<RouteId>,
    /// Methods that the path has instead.
    methods: Vec<Method>,
    /// Verbs that the path has instead.
    verbs: Vec<String>,
}

impl<'s> Search<'s> {
    fn new(method: &'s Method, verb: &'s str) -> Self {
        Self { method, verb, route: None, methods: Vec::new(), verbs: Vec::new() }
    }

    fn run(&mut self, root: &Node, segments: &Segments<'_>) {
        let decoded = if segments.path.contains('%') { segments.decoded() } else { Vec::new() };
        self.walk(root, segments, &decoded, 0);
    }

    fn finish<'a>(&mut self, segments: Segments<'a>) -> Found<'a> {
        match self.route {
            Some(route) => Found::Route(route, segments),
            None if self.methods.is_empty() => Found::Nothing,
            None => Found::WrongMethod(std::mem::take(&mut self.methods)),
        }
    }

    /// True once the route is found. The tree is fixed at start-up, so the branches tried are few whatever the path.
    fn walk(&mut self, node: &Node, segments: &Segments<'_>, decoded: &[Option<String>], at: usize) -> bool {
        let found = match segments.spans.get(at) {
            None => self.end(&node.ends),
            Some((start, end)) => {
                let text = decoded.get(at).and_then(Option::as_deref).unwrap_or(&segments.path[*start..*end]);
                node.literals.get(text).is_some_and(|next| self.walk(next, segments, decoded, at + 1))
                    || node.one.as_ref().is_some_and(|next| self.walk(next, segments, decoded, at + 1))
            }
        };
        found || self.end(&node.rests)
    }

    fn end(&mut self, ends: &Ends) -> bool {
        if let Some(methods) = ends.get(self.verb) {
            let with = |wanted: &Method| methods.iter().find(|(method, _)| method.as_ref() == Some(wanted));
            // HEAD is GET without a body (RFC 9110 §9.3.2), unless it is bound by itself.
            let chosen = with(self.method)
                .or_else(|| if *self.method == Method::HEAD { with(&Method::GET) } else { None })
                .or_else(|| methods.iter().find(|(method, _)| method.is_none()));
            if let Some((_, route)) = chosen {
                self.route = Some(*route);
                return true;
            }
            for method in methods.iter().filter_map(|(method, _)| method.as_ref()) {
                self.offer(method.clone());
                if *method == Method::GET {
                    self.offer(Method::HEAD);
                }
            }
        }
        if !self.verb.is_empty() {
            for verb in ends.keys().filter(|verb| !verb.is_empty()) {
                if !self.verbs.contains(verb) {
                    self.verbs.push(verb.clone());
                }
            }
        }
        false
    }

    fn offer(&mut self, method: Method) {
        if !self.methods.contains(&method) {
            self.methods.push(method);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn router(routes: &[(&str, &str)]) -> Router {
        let mut router = Router::default();
        for (id, (method, template)) in routes.iter().enumerate() {
            let method = (*method != "*").then(|| method.parse().unwrap());
            router.add(method, &Template::parse(template).unwrap(), id).unwrap();
        }
        router
    }

    fn shown(router: &Router, method: &str, path: &str) -> String {
        match router.find(&method.parse().unwrap(), path) {
            Found::Route(id, segments) => format!("{id} {}", segments.spans.len()),
            Found::WrongMethod(methods) => {
                format!("405 {}", methods.iter().map(Method::as_str).collect::<Vec<_>>().join(","))
            }
            Found::UnknownVerb(verb, known) => format!("verb {verb}: {}", known.join(",")),
            Found::Nothing => "404".into(),
        }
    }

    #[test]
    fn the_most_specific_route_that_has_the_method_wins() {
        let router = router(&[
            ("GET", "/v1/{name=shelves/*}"),
            ("GET", "/v1/shelves/special"),
            ("POST", "/v1/{name=shelves/*}"),
            ("POST", "/v1/{name=shelves/*}:merge"),
            ("GET", "/v1/{name=shelves/**}"),
            ("GET", "/v1/{name=shelves/*}/books"),
            ("POST", "/v1/shelves:sort"),
            ("GET", "/v1/{name=shelves/**}:list"),
            ("DELETE", "/v1/{n=boxes/*}"),
            ("*", "/any"),
        ]);
        for (method, path, want) in [
            ("GET", "/v1/shelves/a", "0 3"),
            ("GET", "/v1/shelves/special", "1 3"),
            ("POST", "/v1/shelves/special", "2 3"),
            ("HEAD", "/v1/shelves/special", "1 3"),
            ("POST", "/v1/shelves/a:merge", "3 3"),
            ("POST", "/v1/shelves/a:b:merge", "3 3"),
            ("GET", "/v1/shelves/a/b/c", "4 5"),
            ("GET", "/v1/shelves", "4 2"),
            ("GET", "/v1/shelves/a/books", "5 4"),
            ("GET", "/v1/shelves/a/bo%6Fks", "5 4"),
            ("POST", "/v1/shelves:sort", "6 2"),
            ("GET", "/v1/shelves/a/b:list", "7 4"),
            ("PUT", "/any", "9 1"),
            // A colon in an id, where no verb could stand: part of the id.
            ("DELETE", "/v1/boxes/a:b", "8 3"),
            ("DELETE", "/v1/boxes/a:sort", "8 3"),
            // An escaped colon is never a verb's.
            ("POST", "/v1/shelves/a%3Amerge", "2 3"),
            // Verbs of other resources and of none.
            ("POST", "/v1/shelves/a:sort", "verb sort: merge,list"),
            ("POST", "/v1/shelves/a:frobnicate", "verb frobnicate: merge,list"),
            ("GET", "/v1/shelves:", "404"),
            // Known paths, other methods.
            ("PUT", "/v1/shelves/special", "405 GET,HEAD,POST"),
            ("GET", "/v1/shelves/a:merge", "405 POST"),
            ("GET", "/v1/boxes/a", "405 DELETE"),
            // Nothing there.
            ("GET", "/", "404"),
            ("GET", "/v1", "404"),
            ("GET", "/v1/shelves/", "404"),
            ("GET", "/v1//shelves", "404"),
            ("GET", "//v1/shelves", "404"),
            ("GET", "/v1/shelves/a//b", "404"),
            ("GET", "/v1/boxes", "404"),
            ("GET", "*", "404"),
            ("POST", "/v1/shelves/:merge", "404"),
        ] {
            let got = shown(&router, method, path);
            let same = got == want || {
                // The order of verbs and methods is that of the tree: compare as sets.
                let parts = |text: &str| {
                    let mut p: Vec<String> = text.split([' ', ',']).map(str::to_owned).collect();
                    p.sort();
                    p
                };
                parts(&got) == parts(want)
            };
            assert!(same, "{method} {path}: {got}, not {want}");
        }
    }

    #[test]
    fn two_routes_for_the_same_paths_are_a_mistake_whatever_their_variables() {
        let mut router = router(&[("GET", "/v1/{name=shelves/*}")]);
        let same = Template::parse("/v1/shelves/{id}").unwrap();
        assert_eq!(router.add(Some(Method::GET), &same, 1), Err(0));
        assert_eq!(router.add(Some(Method::PUT), &same, 1), Ok(()));
    }
}
