//! Dates and times of day, in UTC, as `strftime` spells them.

use std::time::Duration;

const DAY_NAMES: [&str; 7] = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];
const MONTH_NAMES: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
/// How many characters of a name its short form has.
const SHORT: usize = 3;

/// A moment on the calendar, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    since_epoch: Duration,
    year: u64,
    /// From 1.
    month: u64,
    /// From 1.
    day: u64,
    /// From 1.
    day_of_year: u64,
    /// From Sunday, 0.
    weekday: u64,
    hour: u64,
    minute: u64,
    second: u64,
}

impl Moment {
    /// The moment this long after 1970-01-01T00:00:00Z.
    pub(crate) fn new(since_epoch: Duration) -> Self {
        let seconds = since_epoch.as_secs();
        let days = seconds / 86_400;
        // Years are counted from March, so that the leap day is the last one: 400 of them always
        // have 146,097 days.
        let shifted = days + 719_468;
        let era = shifted / 146_097;
        let day_of_era = shifted % 146_097;
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_from_march = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_from_march + 2) / 153;
        let day = day_from_march - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 {
            month_from_march + 3
        } else {
            month_from_march - 9
        };
        let year = era * 400 + year_of_era + u64::from(month <= 2);
        let is_leap =
            year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let day_of_year = if month > 2 {
            day_from_march + 60 + u64::from(is_leap)
        } else {
            day_from_march - 305
        };
        Self {
            since_epoch,
            year,
            month,
            day,
            day_of_year,
            weekday: (days + 4) % 7,
            hour: seconds / 3_600 % 24,
            minute: seconds / 60 % 60,
            second: seconds % 60,
        }
    }

    /// As `2016-08-10T09:47:38+0000`.
    pub(crate) fn iso(&self) -> String {
        self.expand("Y-m-dTH:M:Sz")
    }

    /// As `2016-08-10T09:47:38.686368+0000`.
    pub(crate) fn iso_micros(&self) -> String {
        let micros = self.since_epoch.subsec_micros();
        format!("{}.{micros:06}+0000", self.expand("Y-m-dTH:M:S"))
    }

    /// Seconds since the epoch with nanoseconds, as `1470818943.786368637`.
    pub(crate) fn unix(&self) -> String {
        let seconds = self.since_epoch.as_secs();
        format!("{seconds}.{:09}", self.since_epoch.subsec_nanos())
    }

    /// What `strftime` makes of `%` and `specifier`; `N` stands for nanoseconds. `None` if there
    /// is no such specifier here.
    pub(crate) fn format(&self, specifier: char) -> Option<String> {
        let twelve = (self.hour + 11) % 12 + 1;
        Some(match specifier {
            'a' => day_name(self.weekday).get(..SHORT)?.to_owned(),
            'A' => day_name(self.weekday).to_owned(),
            'b' | 'h' => month_name(self.month).get(..SHORT)?.to_owned(),
            'B' => month_name(self.month).to_owned(),
            'c' => self.expand("a b e H:M:S Y"),
            'C' => format!("{:02}", self.year / 100),
            'd' => format!("{:02}", self.day),
            'D' | 'x' => self.expand("m/d/y"),
            'e' => format!("{:2}", self.day),
            'F' => self.expand("Y-m-d"),
            'H' => format!("{:02}", self.hour),
            'I' => format!("{twelve:02}"),
            'j' => format!("{:03}", self.day_of_year),
            'k' => format!("{:2}", self.hour),
            'l' => format!("{twelve:2}"),
            'm' => format!("{:02}", self.month),
            'M' => format!("{:02}", self.minute),
            'n' => "\n".to_owned(),
            'N' => format!("{:09}", self.since_epoch.subsec_nanos()),
            'p' => if self.hour < 12 { "AM" } else { "PM" }.to_owned(),
            'P' => if self.hour < 12 { "am" } else { "pm" }.to_owned(),
            'r' => self.expand("I:M:S p"),
            'R' => self.expand("H:M"),
            's' => self.since_epoch.as_secs().to_string(),
            'S' => format!("{:02}", self.second),
            't' => "\t".to_owned(),
            'T' | 'X' => self.expand("H:M:S"),
            'u' => (if self.weekday == 0 { 7 } else { self.weekday }).to_string(),
            'U' => format!("{:02}", (self.day_of_year + 6 - self.weekday) / 7),
            'w' => self.weekday.to_string(),
            'W' => format!("{:02}", (self.day_of_year + 6 - (self.weekday + 6) % 7) / 7),
            'y' => format!("{:02}", self.year % 100),
            'Y' => self.year.to_string(),
            'z' => "+0000".to_owned(),
            'Z' => "UTC".to_owned(),
            _ => return None,
        })
    }

    /// Text in which each letter but T stands for its specifier.
    fn expand(&self, pattern: &str) -> String {
        let pieces = pattern.chars().map(|character| match character {
            'T' => "T".to_owned(),
            _ => self
                .format(character)
                .unwrap_or_else(|| character.to_string()),
        });
        pieces.collect()
    }
}

fn day_name(weekday: u64) -> &'static str {
    let name = usize::try_from(weekday)
        .ok()
        .and_then(|day| DAY_NAMES.get(day));
    name.copied().unwrap_or_default()
}

fn month_name(month: u64) -> &'static str {
    let index = usize::try_from(month).unwrap_or_default().wrapping_sub(1);
    MONTH_NAMES.get(index).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(seconds: u64, pattern: &str, expected: &str) {
        let moment = Moment::new(Duration::from_secs(seconds));
        let text: String = pattern
            .chars()
            .map(|specifier| match specifier {
                ' ' | '-' | ':' => specifier.to_string(),
                _ => moment.format(specifier).unwrap(),
            })
            .collect();
        assert_eq!(text, expected);
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        // Compared with `date -u -d @SECONDS`.
        check(0, "Y-m-d H:M:S j u w", "1970-01-01 00:00:00 001 4 4");
        check(
            951_782_399,
            "Y-m-d H:M:S j a",
            "2000-02-28 23:59:59 059 Mon",
        );
        check(951_782_400, "Y-m-d j b", "2000-02-29 060 Feb");
        check(951_868_800, "Y-m-d j A", "2000-03-01 061 Wednesday");
        check(1_709_164_800, "F j", "2024-02-29 060");
        check(1_735_603_200, "F j U W", "2024-12-31 366 52 53");
        check(4_107_542_400, "F j", "2100-03-01 060");
    }

    #[test]
    fn times_of_day_have_their_usual_forms() {
        check(
            1_470_818_943,
            "T I p k l r",
            "08:49:03 08 AM  8  8 08:49:03 AM",
        );
        check(1_470_818_943 + 43_200, "H I P", "20 08 pm");
        check(1_470_787_200, "H I p", "00 12 AM");
        check(1_470_818_943, "c", "Wed Aug 10 08:49:03 2016");
        let moment = Moment::new(Duration::new(1_470_818_943, 786_368_637));
        assert_eq!(moment.unix(), "1470818943.786368637");
        assert_eq!(moment.iso(), "2016-08-10T08:49:03+0000");
        assert_eq!(moment.iso_micros(), "2016-08-10T08:49:03.786368+0000");
        assert_eq!(moment.format('Q'), None);
    }
}
