//! Anhui's cities and their departments, with identifiers that pass every check.

/// One of Anhui's 16 cities.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct City {
    /// GB/T 2260 code of the city, "340100".
    pub region: &'static str,
    /// Name in pinyin.
    pub name: &'static str,
    /// Inhabitants in ten thousands (census of 2020, rounded): the share of the traffic.
    pub(super) inhabitants: u64,
}

/// Anhui's cities, ascending by region code.
pub const CITIES: &[City] = &[
    city("340100", "Hefei", 937),
    city("340200", "Wuhu", 364),
    city("340300", "Bengbu", 330),
    city("340400", "Huainan", 303),
    city("340500", "Ma'anshan", 216),
    city("340600", "Huaibei", 197),
    city("340700", "Tongling", 131),
    city("340800", "Anqing", 417),
    city("341000", "Huangshan", 133),
    city("341100", "Chuzhou", 399),
    city("341200", "Fuyang", 820),
    city("341300", "Suzhou", 532),
    city("341500", "Lu'an", 439),
    city("341600", "Bozhou", 500),
    city("341700", "Chizhou", 134),
    city("341800", "Xuancheng", 250),
];

/// Departments of a city's government that take part, and the matter that they read data for.
pub(super) const DEPARTMENTS: &[(&str, &str)] = &[
    ("data resources bureau", "platform-operation"),
    ("development and reform", "project-approval"),
    ("education", "school-enrolment"),
    ("science and technology", "innovation-grant"),
    ("industry and information", "enterprise-service"),
    ("public security", "household-registration"),
    ("civil affairs", "social-assistance"),
    ("justice", "notarisation"),
    ("finance", "subsidy-payment"),
    ("human resources and social security", "pension-qualification"),
    ("natural resources", "real-estate-registration"),
    ("ecology and environment", "emission-permit"),
    ("housing and construction", "housing-purchase"),
    ("transport", "road-transport-permit"),
    ("water", "water-intake-permit"),
    ("agriculture", "farm-subsidy"),
    ("culture and tourism", "venue-permit"),
    ("health", "birth-certificate"),
    ("market regulation", "business-registration"),
    ("medical insurance", "claim-settlement"),
];

const fn city(region: &'static str, name: &'static str, inhabitants: u64) -> City {
    City { region, name, inhabitants }
}

/// Digits of a unified social credit code in the order of their values (GB 32100-2015).
const CREDIT_CODE_DIGITS: &[u8; 31] = b"0123456789ABCDEFGHJKLMNPQRTUWXY";

/// The made-up unified social credit code of a government department: "11" (organ), region, organisation code of nine
/// (GB 11714-1997) and check digit (GB 32100-2015). `region` has six digits; `serial` is below 1,000,000.
#[must_use]
pub fn credit_code(region: &str, serial: u32) -> String {
    let organisation = format!("MB{:06}", serial % 1_000_000);
    let code = format!("11{region}{organisation}{}", organisation_check_digit(&organisation));
    let check = credit_code_check_digit(&code);
    format!("{code}{check}")
}

/// Check digit of an organisation code's first eight characters (GB 11714-1997).
fn organisation_check_digit(organisation: &str) -> char {
    let weights = [3, 7, 9, 10, 5, 8, 4, 2];
    let sum: u32 =
        organisation.chars().zip(weights).map(|(c, weight)| c.to_digit(36).unwrap_or(0) * weight).sum();
    match 11 - sum % 11 {
        10 => 'X',
        11 => '0',
        digit => char::from_digit(digit, 10).unwrap_or('0'),
    }
}

/// Check digit of a unified social credit code's first 17 characters (GB 32100-2015).
fn credit_code_check_digit(code: &str) -> char {
    let mut weight = 1;
    let mut sum = 0;
    for character in code.bytes() {
        let value = CREDIT_CODE_DIGITS.iter().position(|digit| *digit == character).unwrap_or(0);
        sum += value * weight;
        weight = weight * 3 % 31;
    }
    char::from(CREDIT_CODE_DIGITS[(31 - sum % 31) % 31])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_digits_are_those_of_known_codes() {
        assert_eq!(credit_code_check_digit("91350100M000100Y4"), '3');
        // Organisation code D2143569-X is the standard's own example.
        assert_eq!(organisation_check_digit("D2143569"), 'X');
    }

    #[test]
    fn there_are_16_cities_and_20_departments_with_codes_of_their_own() {
        assert_eq!((CITIES.len(), DEPARTMENTS.len()), (16, 20));
        assert!(CITIES.is_sorted_by(|a, b| a.region < b.region));
        let mut codes: Vec<_> =
            CITIES.iter().flat_map(|city| (0..20).map(|serial| credit_code(city.region, serial))).collect();
        assert!(codes.iter().all(|code| code.len() == 18));
        codes.sort();
        codes.dedup();
        assert_eq!(codes.len(), 320);
    }
}
