//! Markdown as Jira's own form for texts, the Atlassian Document Format (version 1).

use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag, TagEnd};
use serde_json::{Value, json};

use crate::tracker::text::Marker;

/// A document with a marker as its last paragraph, where people see it and machines find it.
pub(super) fn document(markdown: &str, marker: &Marker) -> Value {
    let mut content = blocks(markdown);
    let words = json!({ "type": "text", "text": marker.to_string(), "marks": [{ "type": "code" }] });
    content.push(json!({ "type": "paragraph", "content": [words] }));
    json!({ "version": 1, "type": "doc", "content": content })
}

/// The marker in a document, where there is one.
pub(super) fn marker_in(document: &Value) -> Option<Marker> {
    let blocks = document["content"].as_array()?;
    blocks.iter().rev().find_map(|block| Marker::parse(&text_of(block)))
}

/// All words of a document or of a part of it, without their form: Jira changes details of the form when it keeps it.
pub(super) fn text_of(node: &Value) -> String {
    let mut text = String::new();
    gather(node, &mut text);
    text
}

fn gather(node: &Value, text: &mut String) {
    if let Some(words) = node["text"].as_str() {
        text.push_str(words);
    }
    for child in node["content"].as_array().into_iter().flatten() {
        gather(child, text);
        if child["content"].is_array() {
            text.push('\n');
        }
    }
}

/// The blocks of a Markdown text.
fn blocks(markdown: &str) -> Vec<Value> {
    let mut writer = Writer { open: vec![Frame::new(Kind::Root)], marks: Vec::new() };
    for event in Parser::new_ext(markdown, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH) {
        writer.take(event);
    }
    while writer.open.len() > 1 {
        writer.close();
    }
    let root = writer.open.pop().map(Frame::into_content).unwrap_or_default();
    // A document without any block is none.
    if root.is_empty() { vec![json!({ "type": "paragraph", "content": [] })] } else { root }
}

/// Puts nodes together while Markdown is read.
struct Writer {
    open: Vec<Frame>,
    marks: Vec<Value>,
}

/// A node that is not finished.
struct Frame {
    kind: Kind,
    blocks: Vec<Value>,
    inlines: Vec<Value>,
}

/// What kind of node it is, as far as it matters for what may be in it.
enum Kind {
    Root,
    /// Holds words: a paragraph or a heading.
    Leaf(Value),
    /// Holds blocks.
    Container(Value),
    /// Holds plain words.
    Code(Value),
    /// Stands for a part that the place does not allow; what is in it goes one up.
    Through,
}

impl Frame {
    fn new(kind: Kind) -> Self {
        Self { kind, blocks: Vec::new(), inlines: Vec::new() }
    }

    /// Words between blocks become a paragraph.
    fn settle(&mut self) {
        if !self.inlines.is_empty() {
            let words = std::mem::take(&mut self.inlines);
            self.blocks.push(json!({ "type": "paragraph", "content": words }));
        }
    }

    fn into_content(mut self) -> Vec<Value> {
        self.settle();
        self.blocks
    }
}

impl Writer {
    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(end) => self.end(end),
            Event::Text(text) => self.words(&text, None),
            Event::Code(text) => self.words(&text, Some(json!({ "type": "code" }))),
            Event::Html(text) | Event::InlineHtml(text) => self.words(text.trim_end_matches('\n'), None),
            Event::InlineMath(text) | Event::DisplayMath(text) | Event::FootnoteReference(text) => {
                self.words(&text, None);
            }
            Event::SoftBreak => self.words(" ", None),
            Event::HardBreak => self.inline(json!({ "type": "hardBreak" })),
            Event::Rule if self.is_inside(&["listItem", "blockquote", "tableCell", "tableHeader"]) => {}
            Event::Rule => self.block(json!({ "type": "rule" })),
            Event::TaskListMarker(done) => self.words(if done { "☑ " } else { "☐ " }, None),
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        let narrow = self.is_inside(&["listItem", "blockquote", "tableCell", "tableHeader"]);
        match tag {
            Tag::Paragraph | Tag::HtmlBlock => self.begin(Kind::Leaf(json!({ "type": "paragraph" }))),
            // Only the document itself has headings.
            Tag::Heading { .. } if narrow => {
                self.marks.push(json!({ "type": "strong" }));
                self.begin(Kind::Leaf(json!({ "type": "paragraph" })));
            }
            Tag::Heading { level, .. } => self.begin(Kind::Leaf(heading(level))),
            Tag::BlockQuote(_) if narrow => self.begin(Kind::Through),
            Tag::BlockQuote(_) => self.begin(Kind::Container(json!({ "type": "blockquote" }))),
            Tag::CodeBlock(kind) => {
                let node = match kind {
                    CodeBlockKind::Fenced(language) if !language.is_empty() => {
                        json!({ "type": "codeBlock", "attrs": { "language": language.as_ref() } })
                    }
                    CodeBlockKind::Fenced(_) | CodeBlockKind::Indented => json!({ "type": "codeBlock" }),
                };
                self.begin(Kind::Code(node));
            }
            Tag::List(Some(first)) => {
                self.begin(Kind::Container(json!({ "type": "orderedList", "attrs": { "order": first } })));
            }
            Tag::List(None) => self.begin(Kind::Container(json!({ "type": "bulletList" }))),
            Tag::Item => self.begin(Kind::Container(json!({ "type": "listItem" }))),
            Tag::Table(_) if narrow => self.begin(Kind::Through),
            Tag::Table(_) => self.begin(Kind::Container(json!({ "type": "table" }))),
            Tag::TableHead | Tag::TableRow if !self.is_inside(&["table"]) => self.begin(Kind::Through),
            Tag::TableHead | Tag::TableRow => self.begin(Kind::Container(json!({ "type": "tableRow" }))),
            Tag::TableCell if !self.is_inside(&["table"]) => {
                self.begin(Kind::Leaf(json!({ "type": "paragraph" })));
            }
            Tag::TableCell => {
                // The first row is the head; the table has no row before it.
                let head = self.open.iter().rev().nth(1).is_some_and(|table| table.blocks.is_empty());
                let kind = if head { "tableHeader" } else { "tableCell" };
                self.begin(Kind::Container(json!({ "type": kind })));
            }
            Tag::Emphasis => self.marks.push(json!({ "type": "em" })),
            Tag::Strong => self.marks.push(json!({ "type": "strong" })),
            Tag::Strikethrough => self.marks.push(json!({ "type": "strike" })),
            Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. } => {
                self.marks.push(json!({ "type": "link", "attrs": { "href": dest_url.as_ref() } }));
            }
            Tag::FootnoteDefinition(_)
            | Tag::DefinitionList
            | Tag::DefinitionListTitle
            | Tag::DefinitionListDefinition
            | Tag::Superscript
            | Tag::Subscript
            | Tag::MetadataBlock(_) => self.begin(Kind::Through),
        }
    }

    fn end(&mut self, end: TagEnd) {
        match end {
            TagEnd::Emphasis | TagEnd::Strong | TagEnd::Strikethrough | TagEnd::Link | TagEnd::Image => {
                self.marks.pop();
            }
            TagEnd::Heading(_) => {
                let inside_narrow = matches!(
                    self.open.last().map(|frame| &frame.kind),
                    Some(Kind::Leaf(node)) if node["type"] == "paragraph"
                );
                self.close();
                if inside_narrow {
                    self.marks.pop();
                }
            }
            TagEnd::Paragraph
            | TagEnd::HtmlBlock
            | TagEnd::BlockQuote(_)
            | TagEnd::CodeBlock
            | TagEnd::List(_)
            | TagEnd::Item
            | TagEnd::Table
            | TagEnd::TableHead
            | TagEnd::TableRow
            | TagEnd::TableCell
            | TagEnd::FootnoteDefinition
            | TagEnd::DefinitionList
            | TagEnd::DefinitionListTitle
            | TagEnd::DefinitionListDefinition
            | TagEnd::Superscript
            | TagEnd::Subscript
            | TagEnd::MetadataBlock(_) => self.close(),
        }
    }

    fn is_inside(&self, types: &[&str]) -> bool {
        self.open.iter().any(|frame| match &frame.kind {
            Kind::Container(node) => node["type"].as_str().is_some_and(|kind| types.contains(&kind)),
            Kind::Root | Kind::Leaf(_) | Kind::Code(_) | Kind::Through => false,
        })
    }

    fn begin(&mut self, kind: Kind) {
        self.open.push(Frame::new(kind));
    }

    fn close(&mut self) {
        if self.open.len() < 2 {
            return;
        }
        let Some(mut frame) = self.open.pop() else { return };
        match std::mem::replace(&mut frame.kind, Kind::Through) {
            Kind::Leaf(mut node) => {
                if !frame.inlines.is_empty() {
                    node["content"] = Value::Array(frame.inlines);
                    self.block(node);
                }
            }
            Kind::Code(mut node) => {
                let text: String =
                    frame.inlines.iter().filter_map(|inline| inline["text"].as_str()).collect();
                if !text.is_empty() {
                    node["content"] = json!([{ "type": "text", "text": text.trim_end_matches('\n') }]);
                }
                self.block(node);
            }
            Kind::Container(mut node) => {
                let mut content = frame.into_content();
                // An item or a cell without anything in it still holds a paragraph.
                if content.is_empty() {
                    content.push(json!({ "type": "paragraph", "content": [] }));
                }
                node["content"] = Value::Array(content);
                self.block(node);
            }
            Kind::Through | Kind::Root => {
                for block in frame.into_content() {
                    self.block(block);
                }
            }
        }
    }

    fn block(&mut self, node: Value) {
        if let Some(frame) = self.open.last_mut() {
            frame.settle();
            frame.blocks.push(node);
        }
    }

    fn inline(&mut self, node: Value) {
        if let Some(frame) = self.open.last_mut() {
            frame.inlines.push(node);
        }
    }

    fn words(&mut self, text: &str, code: Option<Value>) {
        // A text without any character is refused.
        if text.is_empty() {
            return;
        }
        let mut marks: Vec<Value> = Vec::new();
        for mark in &self.marks {
            // Code goes with a link and with no other mark.
            let goes_with_it = code.is_none() || mark["type"] == "link";
            if goes_with_it && marks.iter().all(|there| there["type"] != mark["type"]) {
                marks.push(mark.clone());
            }
        }
        marks.extend(code);
        let mut node = json!({ "type": "text", "text": text });
        if !marks.is_empty() {
            node["marks"] = Value::Array(marks);
        }
        self.inline(node);
    }
}

fn heading(level: HeadingLevel) -> Value {
    let level = match level {
        HeadingLevel::H1 => 1,
        HeadingLevel::H2 => 2,
        HeadingLevel::H3 => 3,
        HeadingLevel::H4 => 4,
        HeadingLevel::H5 => 5,
        HeadingLevel::H6 => 6,
    };
    json!({ "type": "heading", "attrs": { "level": level } })
}

#[cfg(test)]
mod tests {
    use relman_core::chain::{Digest, Head};

    use super::*;

    #[test]
    fn markdown_becomes_a_document() {
        let markdown = "# Plan\n\nA **bold** and *`code`* [link](https://example.org).\n\n- one\n  - two\n- three\n\n\
                        | a | b |\n| --- | --- |\n| 1 | |\n\n```toml\nx = 1\n```\n\n---\n";
        assert_eq!(
            json!(blocks(markdown)),
            json!([
                { "type": "heading", "attrs": { "level": 1 }, "content": [{ "type": "text", "text": "Plan" }] },
                { "type": "paragraph", "content": [
                    { "type": "text", "text": "A " },
                    { "type": "text", "text": "bold", "marks": [{ "type": "strong" }] },
                    { "type": "text", "text": " and " },
                    { "type": "text", "text": "code", "marks": [{ "type": "code" }] },
                    { "type": "text", "text": " " },
                    { "type": "text", "text": "link",
                      "marks": [{ "type": "link", "attrs": { "href": "https://example.org" } }] },
                    { "type": "text", "text": "." },
                ] },
                { "type": "bulletList", "content": [
                    { "type": "listItem", "content": [
                        { "type": "paragraph", "content": [{ "type": "text", "text": "one" }] },
                        { "type": "bulletList", "content": [
                            { "type": "listItem", "content": [
                                { "type": "paragraph", "content": [{ "type": "text", "text": "two" }] },
                            ] },
                        ] },
                    ] },
                    { "type": "listItem", "content": [
                        { "type": "paragraph", "content": [{ "type": "text", "text": "three" }] },
                    ] },
                ] },
                { "type": "table", "content": [
                    { "type": "tableRow", "content": [
                        { "type": "tableHeader", "content": [
                            { "type": "paragraph", "content": [{ "type": "text", "text": "a" }] }] },
                        { "type": "tableHeader", "content": [
                            { "type": "paragraph", "content": [{ "type": "text", "text": "b" }] }] },
                    ] },
                    { "type": "tableRow", "content": [
                        { "type": "tableCell", "content": [
                            { "type": "paragraph", "content": [{ "type": "text", "text": "1" }] }] },
                        { "type": "tableCell", "content": [{ "type": "paragraph", "content": [] }] },
                    ] },
                ] },
                { "type": "codeBlock", "attrs": { "language": "toml" },
                  "content": [{ "type": "text", "text": "x = 1" }] },
                { "type": "rule" },
            ])
        );
    }

    #[test]
    fn what_a_place_does_not_allow_becomes_a_paragraph() {
        let markdown = "> # Head\n> > deeper\n>\n> ---\n\n- > quote\n\n<b>raw</b>\n";
        let blocks = json!(blocks(markdown));
        assert_eq!(blocks[0]["content"][0]["content"][0]["marks"][0]["type"], "strong");
        assert_eq!(blocks[0]["content"][1]["type"], "paragraph");
        assert_eq!(blocks[1]["content"][0]["content"][0]["type"], "paragraph");
        assert_eq!(text_of(&blocks[2]), "<b>raw</b>");
    }

    #[test]
    fn the_marker_of_a_document_is_found() {
        let release = "checkout-241".parse().unwrap();
        let marker = Marker::new(&release, "stage", Head { seq: 41, digest: Digest::ZERO });
        assert_eq!(marker_in(&document("# Stage\n\nrelman is fine", &marker)), Some(marker.clone()));
        assert_eq!(marker_in(&document("", &marker)), Some(marker));
        assert_eq!(marker_in(&json!({ "content": blocks("nothing here") })), None);
        assert_eq!(marker_in(&Value::Null), None);
    }
}
