//! What the data of a kind may hold: its reader is asked, by examples with something in them that no reader knows. So the list
//! of fields and words can't fall behind the reader.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

/// Reads data: what they are written as, or why they are refused.
pub(super) type Reader<'a> = &'a dyn Fn(&Value) -> Result<Value, String>;

/// No field is called so, and it sorts last.
const FIELD: &str = "zzz";
/// No variant is called so.
const WORD: &str = "no_such_word";

/// What the examples of one kind hold, beside what its reader knows.
#[derive(Debug, Default)]
pub(super) struct Shape {
    structs: BTreeMap<String, Fields>,
    enums: BTreeMap<String, Words>,
    /// What a reader lets through or refuses and should not.
    faults: BTreeSet<String>,
    /// The integers that were tried.
    integers: BTreeSet<String>,
    /// Texts that may be any, so that no reader lists them.
    free: BTreeSet<String>,
    /// Objects that were looked at, by where they stand and the fields that they have: they tell nothing new.
    objects: BTreeMap<String, Option<String>>,
}

#[derive(Debug, Default)]
struct Fields {
    known: BTreeSet<String>,
    required: BTreeSet<String>,
    present: BTreeSet<String>,
    absent: BTreeSet<String>,
    /// Those that may be null, and those that are.
    nullable: BTreeSet<String>,
    null: BTreeSet<String>,
}

#[derive(Debug, Default)]
struct Words {
    known: BTreeSet<String>,
    present: BTreeSet<String>,
}

impl Shape {
    /// Takes one more example in; whether it holds anything that those before do not.
    pub(super) fn add(&mut self, example: &Value, read: Reader<'_>) -> bool {
        let before = self.held();
        self.walk(example, read, "", "data");
        self.held() > before
    }

    /// How many integers were tried.
    pub(super) fn integers(&self) -> usize {
        self.integers.len()
    }

    /// What no example holds, and what readers do wrong.
    pub(super) fn missing(&self) -> Vec<String> {
        let mut missing: Vec<String> = self.faults.iter().cloned().collect();
        for (path, fields) in &self.structs {
            let never = fields.known.difference(&fields.present);
            missing.extend(never.map(|field| format!("{path}: no example has `{field}`")));
            let always = fields.known.iter().filter(|field| fields.present.contains(*field));
            let always =
                always.filter(|field| !fields.required.contains(*field) && !fields.absent.contains(*field));
            missing.extend(always.map(|field| format!("{path}: no example is without `{field}`")));
            let null = fields.nullable.difference(&fields.null);
            missing.extend(
                null.map(|field| format!("{path}: `{field}` is read as null, and no example has it so")),
            );
        }
        for (path, words) in &self.enums {
            let never = words.known.difference(&words.present);
            missing.extend(never.map(|word| format!("{path}: no example is `{word}`")));
        }
        missing
    }

    fn held(&self) -> usize {
        let fields = self.structs.values().map(|fields| fields.present.len() + fields.absent.len());
        fields.chain(self.enums.values().map(|words| words.present.len())).sum()
    }

    /// Goes through a value of an example: `at` is where it stands, `path` what it is called in every example.
    fn walk(&mut self, whole: &Value, read: Reader<'_>, at: &str, path: &str) {
        match whole.pointer(at).unwrap() {
            Value::Object(object) => {
                let fields: Vec<String> =
                    object.iter().map(|(name, inner)| format!("{name} {}", inner.is_null())).collect();
                let code = object.get("code").map(Value::to_string).unwrap_or_default();
                let looks = format!("{path} {code} {}", fields.join(" "));
                let inner = if let Some(inner) = self.objects.get(&looks) {
                    inner.clone()
                } else {
                    let inner = self.object(whole, read, at, path);
                    self.objects.insert(looks, inner.clone());
                    inner
                };
                for name in object.keys() {
                    let path = match &inner {
                        // A tag tells one list of fields from another, and belongs to none.
                        Some(_) if name == "code" => format!("{path}.code"),
                        Some(inner) => format!("{inner}.{name}"),
                        None => format!("{path}.*"),
                    };
                    self.walk(whole, read, &format!("{at}/{}", escaped(name)), &path);
                }
            }
            Value::Array(array) => {
                for index in 0..array.len() {
                    self.walk(whole, read, &format!("{at}/{index}"), &format!("{path}[]"));
                }
            }
            Value::String(word) => {
                if let Some(words) = self.enums.get_mut(path).filter(|words| words.known.contains(word)) {
                    words.present.insert(word.clone());
                } else if !self.free.contains(path) {
                    let refused = read(&with(whole, at, json!(WORD)));
                    match refused.err().and_then(|error| listed(&error, "unknown variant", WORD)) {
                        Some(known) => self.word(path, known, word),
                        None => drop(self.free.insert(path.to_owned())),
                    }
                }
            }
            Value::Number(number) if number.is_u64() || number.is_i64() => {
                if self.integers.insert(path.to_owned()) {
                    self.integer(whole, read, at, path);
                }
            }
            Value::Number(_) | Value::Bool(_) | Value::Null => {}
        }
    }

    fn word(&mut self, path: &str, known: BTreeSet<String>, word: &str) {
        let words = self.enums.entry(path.to_owned()).or_default();
        words.known.extend(known);
        words.present.insert(word.to_owned());
    }

    /// What the fields of an object are called after; nothing where its keys are data.
    fn object(&mut self, whole: &Value, read: Reader<'_>, at: &str, path: &str) -> Option<String> {
        let object = whole.pointer(at).and_then(Value::as_object).unwrap();
        let mut more = object.clone();
        more.insert(FIELD.to_owned(), json!(1));
        let Err(error) = read(&with(whole, at, json!(more))) else {
            self.faults.insert(format!("{path}: a field that no reader knows is read"));
            return None;
        };
        if let Some(known) = listed(&error, "unknown field", FIELD) {
            let code = object.get("code").and_then(Value::as_str);
            let path = code.map_or_else(|| path.to_owned(), |code| format!("{path}({code})"));
            self.fields(whole, read, at, &path, known);
            return Some(path);
        }
        if let Some(known) = listed(&error, "unknown variant", FIELD) {
            object.keys().for_each(|name| self.word(path, known.clone(), name));
            return None;
        }
        if let [(name, inner)] = object.iter().collect::<Vec<_>>()[..] {
            let refused = read(&with(whole, at, json!({ WORD: inner })));
            let known = refused.err().and_then(|error| listed(&error, "unknown variant", WORD))?;
            self.word(path, known, name);
            return Some(path.to_owned());
        }
        None
    }

    fn fields(&mut self, whole: &Value, read: Reader<'_>, at: &str, path: &str, known: BTreeSet<String>) {
        let object = whole.pointer(at).and_then(Value::as_object).unwrap();
        let fields = self.structs.entry(path.to_owned()).or_default();
        for name in object.keys() {
            let mut less = object.clone();
            less.remove(name);
            match read(&with(whole, at, json!(less))) {
                Err(error) if error.contains(&format!("missing field `{name}`")) => {
                    fields.required.insert(name.clone());
                }
                Ok(_) | Err(_) => {}
            }
            let mut nothing = object.clone();
            nothing.insert(name.clone(), Value::Null);
            if read(&with(whole, at, json!(nothing))).is_ok() {
                fields.nullable.insert(name.clone());
            }
        }
        fields.null.extend(object.iter().filter(|(_, inner)| inner.is_null()).map(|(name, _)| name.clone()));
        // A tag is not among the fields that a reader names.
        fields.present.extend(object.keys().filter(|name| known.contains(*name)).cloned());
        fields.absent.extend(known.iter().filter(|name| !object.contains_key(*name)).cloned());
        fields.known.extend(known);
    }

    /// Every integer is read from 0 to the most that its type holds, whatever is decided with it.
    fn integer(&mut self, whole: &Value, read: Reader<'_>, at: &str, path: &str) {
        /// The most of each type: every integer of a record, the narrower ones, a share of everything, a histogram's schema.
        const MOST: [i64; 6] = [(1 << 53) - 1, u32::MAX as i64, i32::MAX as i64, 10_000, i8::MAX as i64, 8];
        let is_written = read(whole).as_ref() == Ok(whole);
        let is_read = |number: i64| {
            let altered = with(whole, at, json!(number));
            // Where zero is what is meant without it, it is not written.
            let is_same = |written: Value| written == altered || written.pointer(at).is_none() && number == 0;
            read(&altered).is_ok_and(|written| !is_written || is_same(written))
        };
        for number in [0, 1] {
            if !is_read(number) {
                self.faults.insert(format!("{path}: {number} is not read"));
            }
        }
        if !MOST.iter().any(|most| is_read(*most)) {
            self.faults.insert(format!("{path}: nothing large is read"));
        }
    }
}

/// The same with another value at one place.
fn with(whole: &Value, at: &str, value: Value) -> Value {
    let mut whole = whole.clone();
    *whole.pointer_mut(at).unwrap() = value;
    whole
}

fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// What a reader would have expected in place of a name that it does not know.
fn listed(error: &str, what: &str, name: &str) -> Option<BTreeSet<String>> {
    let (_, rest) = error.split_once(&format!("{what} `{name}`, "))?;
    Some(rest.split('`').skip(1).step_by(2).map(str::to_owned).collect())
}
