use relman_core::unit::Span;

use super::*;
use crate::{
    lab::{Case, Lab},
    sample,
    world::{Regression, World},
};

fn report() -> Report {
    let name = "a <b>bold</b> & \"quoted\" world";
    let worlds = [
        Case::new(name, World::calm()),
        World::calm().with(Regression::errors_after(Span::ZERO, 0.2)).into(),
    ];
    let lab = Lab::new(sample::drill_policy()).beside(sample::drill_policy());
    lab.track("drill".parse().unwrap()).against(worlds).trials(12).run().unwrap()
}

#[test]
fn the_page_stands_alone_and_escapes_what_people_wrote() {
    let page = report().to_html();
    for foreign in ["<script", "http:", "https:", "url(", "@import", "<link", "<img", "<b>bold"] {
        assert!(!page.contains(foreign), "{foreign}");
    }
    assert!(page.contains("a &#60;b&#62;bold&#60;/b&#62; &#38; &#34;quoted&#34; world"), "escaped");
    assert!(page.contains("prefers-color-scheme: dark"));
    assert!(page.contains("[95% interval]"));
}

#[test]
fn the_page_has_every_chart_and_is_the_same_every_time() {
    let page = report().to_html();
    for subject in HEALTHY.iter().chain(&BAD) {
        assert!(page.contains(&format!("<h3>{}</h3>", subject.title)), "{}", subject.title);
        assert!(page.contains(subject.axis), "{}", subject.axis);
    }
    assert!(page.contains("Beside relman shipped policy (1)"));
    assert_eq!(page, report().to_html());
    let opened = page.matches("<svg").count();
    assert_eq!(opened, page.matches("</svg>").count());
}

#[test]
fn an_axis_has_room_for_every_figure() {
    let figure = |value, low, high| Figure { value, low: Some(low), high: Some(high) };
    let figures = [figure(3.0, -1.0, 7.0), figure(250.0, 200.0, 1_200.0)];
    let axis = Axis::around(Scale::Logarithmic, &figures).unwrap();
    assert_eq!((axis.from, axis.to), (0.0, 4.0));
    let place = axis.place(figures[0]);
    assert_eq!((place.low.as_str(), place.value.as_str()), ("0.00", "11.93"));
    let labels: Vec<String> = axis.ticks().into_iter().map(|tick| tick.label).collect();
    assert_eq!(labels, ["1", "10", "100", "1,000", "10,000"]);
    assert!(Axis::around(Scale::Logarithmic, &[figure(0.0, 0.0, 0.0)]).is_none());
    let hours = Axis::around(Scale::Linear, &[figure(30.5, 30.5, 30.5)]).unwrap();
    let labels: Vec<String> = hours.ticks().into_iter().map(|tick| tick.label).collect();
    assert_eq!(labels, ["0", "5", "10", "15", "20", "25", "30", "35"]);
    let share = Axis::around(Scale::Share, &[figure(0.5, 0.4, 0.6)]).unwrap();
    assert_eq!(share.write(figure(0.5, 0.4, 0.6)), "50% [40%, 60%]");
}
