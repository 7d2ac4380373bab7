//! A file of `src` uses only what is below it: imports, resolved through re-exports, are acyclic.
//! The compiler does not require that, but it lets a file be understood before those that use it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Returns each file's module, such as `store::schema`, and its code without comments and tests.
/// Omits the crate's roots, which name all others.
fn modules(folder: &Path, prefix: &str, found: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        let module = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}::{name}") };
        if path.is_dir() {
            modules(&path, &module, found);
        } else if path.extension().is_some_and(|end| end == "rs")
            && !["lib", "main", "tests"].contains(&name)
        {
            let code = fs::read_to_string(&path).unwrap();
            let code = code.split("\n#[cfg(test)]\nmod tests {").next().unwrap();
            let lines = code.lines().map(|line| line.split("//").next().unwrap());
            let module = if name == "mod" { prefix.to_owned() } else { module };
            found.insert(module, lines.collect::<Vec<_>>().join(" "));
        }
    }
}

/// Returns the paths that a `use` names, of which `a::{b, c::{d, e}}` has three.
fn paths(tree: &str) -> Vec<String> {
    let tree = tree.trim();
    let Some((prefix, rest)) = tree.split_once('{') else {
        return vec![tree.split(" as ").next().unwrap().trim().to_owned()];
    };
    let mut depth = 0;
    let parts = rest.trim_end().trim_end_matches('}').split(|sign| {
        depth += i32::from(sign == '{') - i32::from(sign == '}');
        sign == ',' && depth == 0
    });
    let parts = parts.map(str::trim).filter(|part| !part.is_empty());
    parts.flat_map(paths).map(|part| format!("{}{part}", prefix.trim())).collect()
}

/// Returns a path from the crate's root; `None` if it is in another crate.
fn absolute(path: &str, module: &str, modules: &BTreeMap<String, String>) -> Option<String> {
    let mut base: Vec<&str> = module.split("::").collect();
    let mut rest: Vec<&str> = path.split("::").collect();
    match rest[0] {
        "crate" => base.clear(),
        "self" => {}
        "super" => {
            while rest[0] == "super" {
                base.pop();
                rest.remove(0);
            }
            rest.insert(0, "super");
        }
        first if modules.contains_key(&format!("{module}::{first}")) => rest.insert(0, "self"),
        _ => return None,
    }
    base.extend(&rest[1..]);
    Some(base.join("::"))
}

/// The imports of a file, and which of them are re-exports.
struct Imports {
    used: Vec<String>,
    handed_on: Vec<String>,
}

fn imports(module: &str, modules: &BTreeMap<String, String>) -> Imports {
    let mut imports = Imports { used: Vec::new(), handed_on: Vec::new() };
    let mut code = modules[module].as_str();
    let mut body = String::new();
    while let Some(at) = code.find("use ") {
        let (before, rest) = code.split_at(at);
        body.push_str(before);
        let is_word = before.chars().next_back().is_none_or(|sign| sign == ' ');
        let Some(end) = rest.find(';').filter(|_| is_word) else {
            body.push_str("use ");
            code = &rest[4..];
            continue;
        };
        let is_public = before.trim_end().ends_with("pub") || before.trim_end().ends_with(')');
        let named =
            paths(&rest[4..end]).into_iter().filter_map(|path| absolute(&path, module, modules));
        match is_public {
            true => imports.handed_on.extend(named),
            false => imports.used.extend(named),
        }
        code = &rest[end..];
    }
    body.push_str(code);
    let is_path = |sign: char| sign.is_alphanumeric() || sign == '_' || sign == ':';
    let in_code = body.split(|sign| !is_path(sign));
    let in_code = in_code.filter(|path| path.starts_with("crate::") || path.starts_with("super::"));
    imports.used.extend(in_code.filter_map(|path| absolute(path, module, modules)));
    imports
}

/// Returns the file that defines what `path` names.
fn home(
    path: &str,
    handed_on: &BTreeMap<String, String>,
    modules: &BTreeMap<String, String>,
) -> Option<String> {
    let mut path = path.to_owned();
    let prefixes = |path: &str| {
        let parts: Vec<&str> = path.split("::").collect();
        (1..=parts.len()).rev().map(|count| parts[..count].join("::")).collect::<Vec<_>>()
    };
    // A file may have the name of an item in it; then the file is meant.
    let is_handed_on =
        |prefix: &String| handed_on.contains_key(prefix) && !modules.contains_key(prefix);
    while let Some(known) = prefixes(&path).into_iter().find(is_handed_on) {
        path = format!("{}{}", handed_on[&known], &path[known.len()..]);
    }
    prefixes(&path).into_iter().find(|prefix| modules.contains_key(prefix))
}

#[test]
fn imports_are_acyclic() {
    let mut modules = BTreeMap::new();
    self::modules(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), "", &mut modules);
    let imports: BTreeMap<&str, Imports> =
        modules.keys().map(|module| (module.as_str(), self::imports(module, &modules))).collect();
    let mut handed_on = BTreeMap::new();
    for (module, imports) in &imports {
        for path in &imports.handed_on {
            let name = path.rsplit("::").next().unwrap();
            handed_on.insert(format!("{module}::{name}"), path.clone());
        }
    }
    let mut below: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for (module, imports) in &imports {
        let files = imports.used.iter().filter_map(|path| home(path, &handed_on, &modules));
        below.insert(module, files.filter(|file| file != module).collect());
    }
    assert!(below.values().map(BTreeSet::len).sum::<usize>() > modules.len(), "{below:#?}");
    // Repeatedly removes files that import none of those left. Any that remain are cyclic, or
    // import a cycle.
    while let Some(read) = below.iter().find(|(_, files)| files.is_empty()).map(|(file, _)| *file) {
        below.remove(read);
        for files in below.values_mut() {
            files.remove(read);
        }
    }
    // Removes files that only import a cycle.
    let mut stood_on: BTreeSet<String> = below.values().flatten().cloned().collect();
    while let Some(top) = below.keys().find(|file| !stood_on.contains(**file)).copied() {
        below.remove(top);
        stood_on = below.values().flatten().cloned().collect();
    }
    assert!(below.is_empty(), "{below:#?}");
}
