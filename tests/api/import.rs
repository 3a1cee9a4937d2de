//! `coaching import`, the real program: into a folder and into a server, with good lines and bad, cut off and gone on with.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::server::{self, Server};

/// A folder with a store and a file to import.
struct Place {
    root: tempfile::TempDir,
}

/// How an import ended, and what it said.
struct Ended {
    code: Option<i32>,
    out: String,
    err: String,
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }
}

impl Ended {
    #[track_caller]
    fn with(self, code: i32, lines: &[&str]) -> Self {
        assert_eq!(self.code, Some(code), "{}\n{}", self.out, self.err);
        for line in lines {
            assert!(self.out.lines().any(|own| own == *line), "no {line:?} in:\n{}\n{}", self.out, self.err);
        }
        self
    }
}

impl Place {
    fn with(lines: &[impl ToString]) -> Self {
        let place = Self { root: tempfile::tempdir().unwrap() };
        place.write(lines);
        place
    }

    fn write(&self, lines: &[impl ToString]) {
        let lines: String = lines.iter().map(|line| line.to_string() + "\n").collect();
        fs::write(self.file(""), lines).unwrap();
    }

    /// The file, or one beside it.
    fn file(&self, ending: &str) -> PathBuf {
        self.root.path().join(format!("lines.jsonl{ending}"))
    }

    fn data(&self) -> PathBuf {
        self.root.path().join("data")
    }

    fn import(&self, options: &[&str]) -> Ended {
        self.import_of(&self.file(""), options)
    }

    fn import_of(&self, file: &Path, options: &[&str]) -> Ended {
        let mut program = server::program(&self.data(), "import");
        program.arg(file).args(options).stdin(Stdio::null()).output().unwrap().into()
    }

    /// Begins an import and kills it after its first mark. Whether it was not done before.
    fn cut_off(&self) -> bool {
        let mut program = server::program(&self.data(), "import");
        let mut child = program.arg(self.file("")).args(["--at-once", "1"]).stderr(Stdio::null()).spawn().unwrap();
        let end = Instant::now() + Duration::from_secs(60);
        while !self.file(".progress").exists() && child.try_wait().unwrap().is_none() {
            assert!(Instant::now() < end, "no mark was set");
            std::thread::sleep(Duration::from_millis(1));
        }
        // Somewhere after the mark, so that lines are repeated.
        std::thread::sleep(Duration::from_millis(20));
        let ended = child.try_wait().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        ended.is_none()
    }

    fn rejected(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.file(".rejected.jsonl")).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

fn group(id: &str) -> Value {
    json!({"group": {"name": format!("customers/c/groups/{id}")}})
}

fn user(id: &str, username: &str) -> Value {
    json!({"user": {"name": format!("customers/c/users/{id}"), "username": username}})
}

#[test]
fn the_example_is_imported_and_importing_it_again_changes_nothing() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/directory.jsonl");
    let place = Place::with(&[""]);
    let rejected = place.file(".rejected.jsonl");
    let options = ["--directory-strict=false", "--rejected", rejected.to_str().unwrap()];
    place.import_of(&example, &options).with(0, &["groups: 2 made or changed, 0 unchanged, 0 rejected"]);
    let again = place.import_of(&example, &options);
    again.with(
        0,
        &["users: 0 made or changed, 3 unchanged, 0 rejected", "teams: 0 made or changed, 1 unchanged, 0 rejected"],
    );
    assert!(!rejected.exists() && !example.with_extension("jsonl.progress").exists());
}

#[test]
fn every_bad_line_is_told_by_its_number_and_kept_and_the_others_are_imported() {
    let long = json!({"group": {"name": "customers/c/groups/long", "displayName": "x".repeat(2 << 20)}}).to_string();
    let bad = |with: Value| {
        let mut user = user("bad", "");
        user["user"].as_object_mut().unwrap().append(&mut with.as_object().unwrap().clone());
        user.to_string()
    };
    let of = |id: &str, username: &str| user(id, username).to_string();
    let lines = [
        of("a", "ann"),                                                   // 1
        "{\"user\": {\"name\": ".into(),                                  // 2
        String::new(),                                                    // 3
        bad(json!({"emial": "x@example.com"})),                           // 4
        bad(json!({"roles": "agent"})),                                   // 5
        json!({"user": {"username": "nameless"}}).to_string(),            // 6
        of("b", "ANN"),                                                   // 7
        long,                                                             // 8
        json!({"person": {}}).to_string(),                                // 9
        bad(json!({"email": "nowhere", "displayName": "x".repeat(501)})), // 10
        bad(json!({"etag": "0123456789abcdef"})),                         // 11
        of("c", "cleo"),                                                  // 12
        group("g").to_string(),                                           // 13
    ];
    let place = Place::with(&lines);
    let ended = place.import(&[]).with(
        7,
        &[
            "users: 2 made or changed, 0 unchanged, 6 rejected",
            "groups: 1 made or changed, 0 unchanged, 0 rejected",
            "lines: 0 made or changed, 0 unchanged, 3 rejected",
        ],
    );
    let mut rejected = place.rejected();
    rejected.sort_by_key(|one| one["line"].as_u64());
    let expected = [
        (2, "no JSON: EOF"),
        (4, "user.emial: "),
        (5, "user.roles: "),
        (6, "user.name: is required"),
        (7, "user.username: is the username of line 1 too"),
        (8, "has 2097"),
        (9, "\"person\" is no kind"),
        (10, "user.displayName: "),
        (11, "customers/c/users/bad was"),
    ];
    assert_eq!(
        rejected.iter().map(|one| one["line"].as_u64().unwrap()).collect::<Vec<_>>(),
        expected.map(|(line, _)| line)
    );
    for (one, (line, problem)) in rejected.iter().zip(expected) {
        let told = one["problem"].as_str().unwrap();
        assert!(line == 11 || told.starts_with(problem), "{one}");
        assert!(ended.err.contains(&format!("line {line}: {told}\n")), "{told} is not in:\n{}", ended.err);
        let own = &lines[usize::try_from(line).unwrap() - 1];
        match serde_json::from_str::<Value>(own) {
            _ if line == 8 => assert!(own.starts_with(one["record"].as_str().unwrap())),
            Ok(own) => assert_eq!(one["record"], own),
            Err(_) => assert_eq!(one["record"], own.as_str()),
        }
    }
    assert!(rejected[7]["problem"].as_str().unwrap().contains("; user.email: "), "all at once: {}", rejected[7]);

    // What is mended is imported, and what was rejected before is kept beside.
    place.write(&[of("b", "bea")]);
    place.import(&[]).with(0, &["users: 1 made or changed, 0 unchanged, 0 rejected"]);
    assert!(place.file(".rejected.jsonl.old").exists() && !place.file(".rejected.jsonl").exists());
}

#[test]
fn only_the_first_of_many_bad_lines_are_told_and_all_are_kept() {
    let lines: Vec<String> = (0..1_200).map(|number| user(&format!("u{number}"), "the same").to_string()).collect();
    let place = Place::with(&lines);
    let ended = place.import(&[]).with(7, &["users: 0 made or changed, 0 unchanged, 1200 rejected"]);
    assert_eq!(ended.err.lines().filter(|line| line.starts_with("line ")).count(), 20);
    let numbers: Vec<u64> = place.rejected().iter().map(|one| one["line"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (1..=1_200).collect::<Vec<_>>());
}

#[test]
fn of_lines_for_one_name_or_username_the_order_of_the_file_decides() {
    let fill = |number: usize| user(&format!("fill{number}"), "");
    let mut lines = vec![user("a", "x"), user("b", "y"), user("b", ""), user("a", "y")];
    lines.extend((0..1_100).map(fill));
    lines.extend([user("c", "x"), user("d", "X"), user("a", "z")]);
    lines.extend((0..600).map(fill));
    let place = Place::with(&lines);
    place.import(&["--at-once", "8"]).with(7, &["users: 1706 made or changed, 0 unchanged, 1 rejected"]);
    let rejected = place.rejected();
    assert_eq!((&rejected[0]["line"], rejected.len()), (&json!(1_106), 1), "{rejected:?}");
    place.write(&[user("a", "z"), user("b", ""), user("c", "x"), fill(7)]);
    place.import(&[]).with(0, &["users: 0 made or changed, 4 unchanged, 0 rejected"]);
}

#[test]
fn an_import_killed_in_the_middle_is_finished_by_the_same_command() {
    let mut lines: Vec<String> = (0..9_000).map(|number| group(&format!("g{number}")).to_string()).collect();
    lines[10] = "nonsense".into();
    lines[8_900] = "nonsense".into();
    let place = Place::with(&lines);
    if place.cut_off() {
        let again = place.import(&[]).with(7, &["lines: 0 made or changed, 0 unchanged, 2 rejected"]);
        assert!(again.err.contains("going on after line "), "{}", again.err);
    }
    assert_eq!(place.rejected().iter().map(|one| one["line"].as_u64().unwrap()).collect::<Vec<_>>(), [11, 8_901]);
    assert!(!place.file(".progress").exists());
    let third = place.import(&["--from-start"]);
    third.with(7, &["groups: 0 made or changed, 8998 unchanged, 0 rejected"]);
    let verify = server::program(&place.data(), "verify").output().unwrap();
    assert!(verify.status.success(), "{verify:?}");
}

#[test]
fn a_line_mended_before_the_mark_and_a_folder_put_back_begin_at_the_first_line() {
    let named = |number: usize, name: &str| {
        let name = format!("{name}{}", "x".repeat(200));
        json!({"group": {"name": format!("customers/c/groups/g{number}"), "displayName": name}})
    };
    let lines = |first: &str| -> Vec<Value> {
        (0..9_000).map(|number| named(number, if number == 400 { first } else { "a" })).collect()
    };
    // One line that is imported before, and a copy of the folder with it.
    let place = Place::with(&[group("before")]);
    place.import(&[]).with(0, &[]);
    let (data, copy) = (place.data(), place.root.path().join("copy"));
    copied(&data, &copy);
    place.write(&lines("a"));
    if place.cut_off() {
        // The 400th line is beyond the first 64 KiB, and as long as it was.
        place.write(&lines("b"));
        let again = place.import(&[]).with(0, &[]);
        assert!(!again.err.contains("going on after"), "{}", again.err);
    }
    for old in [Some(&copy), None] {
        let put_back = || {
            fs::remove_dir_all(&data).unwrap();
            old.inspect(|copy| copied(copy, &data));
        };
        place.write(&lines("a"));
        put_back();
        if !place.cut_off() {
            continue;
        }
        put_back();
        let again = place.import(&[]).with(0, &["groups: 9000 made or changed, 0 unchanged, 0 rejected"]);
        assert!(again.err.contains("starting at the first line"), "{}", again.err);
    }
}

fn copied(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (from, to) = (entry.as_ref().unwrap().path(), to.join(entry.unwrap().file_name()));
        match from.is_dir() {
            true => copied(&from, &to),
            false => assert!(fs::copy(&from, &to).is_ok()),
        }
    }
}

#[test]
fn an_import_from_the_start_forgets_the_earlier_mark_and_keeps_a_second_import_of_the_file_out() {
    let place = Place::with(&[group("g")]);
    // Takes the connection, and never answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    fs::write(place.file(".progress"), "{}").unwrap();
    let mut program = server::program(&place.data(), "import");
    program.arg(place.file("")).args(["--from-start", "--server", &url]).stdin(Stdio::null());
    let mut child = program.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let end = Instant::now() + Duration::from_secs(20);
    while place.file(".progress").exists() && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(5));
    }
    let forgotten = !place.file(".progress").exists();
    let second = place.import(&[]);
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(forgotten, "it would be gone on from after a kill");
    assert!(second.code == Some(1) && second.err.contains("another import is at it"), "{}", second.err);
    place.import(&[]).with(0, &["groups: 1 made or changed, 0 unchanged, 0 rejected"]);
}

#[test]
fn a_username_is_not_taken_by_a_line_that_is_rejected() {
    let mut bad = user("a", "x");
    bad["user"]["email"] = json!("nowhere");
    let place = Place::with(&[bad, user("b", "x"), user("c", "X")]);
    place.import(&[]).with(7, &["users: 1 made or changed, 0 unchanged, 2 rejected"]);
    let rejected = place.rejected();
    assert!(rejected[0]["problem"].as_str().unwrap().starts_with("user.email: "), "{rejected:?}");
    assert_eq!(rejected[1]["problem"], "user.username: is the username of line 2 too");
}

#[test]
fn a_strict_directory_takes_what_refers_to_earlier_lines_and_rejects_what_refers_to_nothing() {
    let member = |id: &str, group: &str| json!({"user": {"name": format!("customers/c/users/{id}"), "groupNames": [format!("customers/c/groups/{group}")]}});
    let talk = |id: &str, agent: &str| {
        json!({"conversation": {"name": format!("customers/c/profiles/p/conversations/{id}"),
            "agentUserName": format!("customers/c/users/{agent}"), "conversationTime": "2026-03-02T09:00:00Z"}})
    };
    let place = Place::with(&[group("g"), member("a", "g"), member("b", "none"), talk("k1", "a"), talk("k2", "b")]);
    let counts = [
        "users: 1 made or changed, 0 unchanged, 1 rejected",
        "conversations: 1 made or changed, 0 unchanged, 1 rejected",
    ];
    place.import(&["--directory-strict"]).with(7, &counts);
    let problems: Vec<Value> = place.rejected().iter().map(|one| one["problem"].clone()).collect();
    let absent = |of: &str, name: &str| json!(format!("{of}: customers/c/{name} is not in the directory"));
    assert_eq!(
        problems,
        [absent("user.groupNames[0]", "groups/none"), absent("conversation.agentUserName", "users/b")]
    );
}

#[test]
fn a_server_is_fed_while_it_runs_and_bad_lines_are_told_the_same() {
    let mut lines: Vec<String> = (0..1_300).map(|number| user(&format!("u{number}"), "").to_string()).collect();
    lines[700] = user("u700", "with space").to_string();
    lines.extend((0..600).map(|number| user(&format!("v{number}"), "with space").to_string()));
    let place = Place::with(&lines);
    let server = Server::start(&place.data(), &[]);
    let url = format!("http://{}", server.address());
    place.import(&["--server", &url]).with(7, &["users: 1299 made or changed, 0 unchanged, 601 rejected"]);
    assert_eq!(place.rejected()[0]["problem"], "user.username: must not have spaces or control characters");
    let locked = place.import(&["--rejected", place.file(".other").to_str().unwrap()]);
    assert!(locked.code == Some(3) && locked.err.contains("another process"), "{}", locked.err);
    server.stop();
    let away = place.import(&["--server", &url]);
    assert!(away.code == Some(1) && away.err.contains("cannot reach"), "{}", away.err);
}

#[test]
fn a_server_that_is_killed_and_started_again_meanwhile_gets_every_line() {
    let lines: Vec<String> = (0..4_000).map(|number| group(&format!("g{number}")).to_string()).collect();
    let place = Place::with(&lines);
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let serve = || {
        let mut program = server::program(&place.data(), "serve");
        let child = program.args(["--listen", &address, "--log", "warn"]).stdout(Stdio::null()).spawn().unwrap();
        let end = Instant::now() + Duration::from_secs(60);
        while std::net::TcpStream::connect(&address).is_err() {
            assert!(Instant::now() < end, "it does not listen");
            std::thread::sleep(Duration::from_millis(5));
        }
        child
    };
    let mut first = serve();
    let mut program = server::program(&place.data(), "import");
    let url = format!("http://{address}");
    program.arg(place.file("")).args(["--server", &url, "--at-once", "2"]).stdin(Stdio::null());
    let importing = program.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(700));
    first.kill().unwrap();
    first.wait().unwrap();
    let mut second = serve();
    Ended::from(importing.wait_with_output().unwrap()).with(0, &[]);
    let again = place.import(&["--server", &url, "--from-start"]);
    again.with(0, &["groups: 0 made or changed, 4000 unchanged, 0 rejected"]);
    second.kill().unwrap();
    second.wait().unwrap();
}
