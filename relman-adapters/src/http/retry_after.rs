use std::time::SystemTime;

use relman_core::unit::Span;
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};

/// How long the server wants to be left alone, from `Retry-After` as RFC 9110 §10.2.3 has it: seconds or a date.
///
/// A date is compared with the server's own `Date` where it sends one, so that the two clocks need not agree.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Span> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u32>() {
        return Some(Span::from_secs(u64::from(seconds)));
    }
    let date = |text: &str| httpdate::parse_http_date(text).ok();
    let until = date(text)?;
    let now =
        headers.get(DATE).and_then(|now| now.to_str().ok()).and_then(date).unwrap_or_else(SystemTime::now);
    // A moment in the past means now.
    let wait = until.duration_since(now).unwrap_or_default();
    Some(Span::from_millis(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    #[test]
    fn seconds_and_dates_are_understood() {
        let date = "Sun, 22 Nov 2026 18:00:00 GMT";
        for (value, expected) in [
            ("0", Some(Span::ZERO)),
            ("120", Some(Span::from_minutes(2))),
            ("Sun, 22 Nov 2026 18:00:30 GMT", Some(Span::from_secs(30))),
            ("Sun, 22 Nov 2026 17:00:00 GMT", Some(Span::ZERO)),
            ("-5", None),
            ("soon", None),
            ("99999999999999999999", None),
        ] {
            let headers =
                [(RETRY_AFTER, HeaderValue::from_static(value)), (DATE, HeaderValue::from_static(date))];
            assert_eq!(retry_after(&headers.into_iter().collect()), expected, "{value}");
        }
        assert_eq!(retry_after(&HeaderMap::new()), None);
    }

    #[test]
    fn without_a_date_of_the_server_the_clock_of_this_machine_counts() {
        let later = SystemTime::now() + std::time::Duration::from_hours(1);
        let value = HeaderValue::from_str(&httpdate::fmt_http_date(later)).unwrap();
        let wait = retry_after(&[(RETRY_AFTER, value)].into_iter().collect()).unwrap();
        assert!(wait > Span::from_minutes(59) && wait <= Span::from_hours(1), "{wait}");
    }
}
