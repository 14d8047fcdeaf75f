//! What compilers do not see: one rule, one function, each tried on good and bad text.

mod api_docs;
mod core_purity;
mod guide;
mod layers;
mod manifests;
mod named_tests;
mod pages;
mod parity;
mod readme;
mod source;
mod text;
mod unsafe_code;

use std::collections::BTreeSet;
use std::fmt;
use std::fs;

use crate::command::Run;
use crate::report::{Outcome, Report, StepResult};
use crate::workspace::Workspace;

pub(crate) fn run(workspace: &Workspace, report: &mut Report) {
    report.step("tidy", || {
        let files = text_files(workspace)?;
        verdict(findings(workspace, &files))
    });
}

/// Writes the names of the tests into the page that lists them.
pub(crate) fn write_parity(workspace: &Workspace, report: &mut Report) {
    report.step("parity", || {
        let files = text_files(workspace)?;
        let page = parity::write(&files).ok_or_else(|| format!("{} is missing", parity::PAGE))?;
        fs::write(workspace.root.join(parity::PAGE), page).map_err(|error| error.to_string())?;
        Ok(Outcome::Passed)
    });
}

/// A text file of the repository; its path is relative to the root, with `/`.
#[derive(Debug)]
struct File {
    path: String,
    text: String,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Finding {
    path: String,
    line: Option<usize>,
    message: String,
}

fn findings(workspace: &Workspace, files: &[File]) -> BTreeSet<Finding> {
    let mut findings = BTreeSet::new();
    for file in files {
        findings.extend(core_purity::check(file));
        findings.extend(api_docs::documented(file));
        findings.extend(api_docs::shown(file));
        findings.extend(text::machine_paths(file));
        findings.extend(text::registries(file));
        findings.extend(text::open_ends(file));
        findings.extend(text::no_unsafe(file));
        findings.extend(unsafe_code::check(file));
    }
    findings.extend(crates(workspace, files));
    findings.extend(readmes(workspace, files));
    findings.extend(architecture(workspace, files));
    findings.extend(parity::check(files));
    findings.extend(named_tests::check(files));
    findings.extend(guide(files));
    findings
}

fn crates(workspace: &Workspace, files: &[File]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in &workspace.packages {
        if package.dir.starts_with("crates") {
            findings.extend(layers::check(package));
        }
        let manifest = format!("{}/Cargo.toml", package.dir.display());
        if let Some(file) = find(files, &manifest) {
            findings.extend(layers::inherits_lints(&manifest, &file.text));
        }
    }
    for package in workspace.libraries() {
        let lib = format!("{}/src/lib.rs", package.dir.display());
        let Some(file) = find(files, &lib) else {
            continue;
        };
        findings.extend(pages::features(package, file));
        let page = pages::crate_page(&file.text);
        findings.extend(readme::rust_versions(&lib, &page, &[&package.rust_version], false));
    }
    findings
}

fn readmes(workspace: &Workspace, files: &[File]) -> Vec<Finding> {
    let Some(file) = find(files, "README.md") else {
        return vec![missing("README.md")];
    };
    let mut versions: Vec<&str> = workspace.libraries().map(|p| p.rust_version.as_str()).collect();
    versions.sort_unstable();
    versions.dedup();
    let mut findings = readme::rust_versions(&file.path, &file.text, &versions, true);
    let read = |path: &str| find(files, path).map(|file| file.text.clone());
    for readme in files.iter().filter(|file| file.name() == "README.md") {
        findings.extend(readme::blocks(readme, read));
    }
    findings
}

fn architecture(workspace: &Workspace, files: &[File]) -> Vec<Finding> {
    let Some(page) = find(files, pages::ARCHITECTURE) else {
        return vec![missing(pages::ARCHITECTURE)];
    };
    let members = workspace.packages.iter().filter(|package| package.dir.starts_with("crates"));
    let crates: Vec<&str> = members.map(|package| package.name.as_str()).collect();
    let modules = pages::core_modules(files.iter().map(|file| file.path.as_str()));
    pages::architecture(&crates, &modules, page)
}

fn guide(files: &[File]) -> Vec<Finding> {
    let (Some(index), Some(lib)) = (find(files, guide::INDEX), find(files, guide::LIB)) else {
        let absent = [guide::INDEX, guide::LIB].into_iter().filter(|path| find(files, path).is_none());
        return absent.map(missing).collect();
    };
    let in_folder = || files.iter().filter(|file| file.path.starts_with(guide::FOLDER));
    let paths: Vec<&str> = in_folder().map(|file| file.path.as_str()).collect();
    let mut findings = guide::pages(&paths, index, lib);
    for page in in_folder().filter(|file| file.path.ends_with(".md")) {
        findings.extend(guide::blocks(page));
        findings.extend(manifests::check(page));
        findings.extend(guide::links(page, |path| find(files, path).map(|file| file.text.clone())));
    }
    findings
}

fn missing(path: &str) -> Finding {
    Finding::of(path, "is missing".to_owned())
}

fn find<'a>(files: &'a [File], path: &str) -> Option<&'a File> {
    files.iter().find(|file| file.path == path)
}

/// Everything that git tracks or would track, as far as it is text.
fn text_files(workspace: &Workspace) -> Result<Vec<File>, String> {
    // A checkout may belong to another user than the one who runs the checks.
    let list = Run::new("git", &workspace.root)
        .args(["-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .output()?;
    let paths: BTreeSet<&str> = list.split('\0').filter(|path| !path.is_empty()).collect();
    let read = |path: &str| {
        let text = String::from_utf8(fs::read(workspace.root.join(path)).ok()?).ok()?;
        (!text.contains('\0')).then(|| File { path: path.to_owned(), text })
    };
    Ok(paths.into_iter().filter_map(read).collect())
}

fn verdict(findings: BTreeSet<Finding>) -> StepResult {
    for finding in &findings {
        println!("{finding}");
    }
    match findings.len() {
        0 => Ok(Outcome::Passed),
        count => Err(format!("{count} findings")),
    }
}

impl File {
    #[cfg(test)]
    fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }

    fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    fn is_library_source(&self) -> bool {
        self.is_rust() && self.path.starts_with("crates/") && self.path.contains("/src/")
    }

    /// A module of tests with a file of its own.
    fn is_test_module(&self) -> bool {
        self.path.ends_with("/tests.rs") || self.path.contains("/tests/")
    }

    fn is_lock_file(&self) -> bool {
        matches!(self.name(), "Cargo.lock" | "package-lock.json")
    }

    fn numbered_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(index, line)| (index + 1, line))
    }
}

impl Finding {
    fn at(path: &str, line: usize, message: String) -> Self {
        Self { path: path.to_owned(), line: Some(line), message }
    }

    /// Of the file as a whole.
    fn of(path: &str, message: String) -> Self {
        Self { path: path.to_owned(), line: None, message }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.path, self.message),
            None => write!(f, "{}: {}", self.path, self.message),
        }
    }
}
