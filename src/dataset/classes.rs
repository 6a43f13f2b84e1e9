//! How many images there are of each class.

use crate::{
    Result,
    dataset::{CLASSES, Images},
};
use polars::prelude::{DataFrame, df};

/// How many images there are of each class, as a table with a row a class.
///
/// # Errors
/// Never, unless polars refuses the columns.
pub fn count_by_class(images: &Images) -> Result<DataFrame> {
    let labels: Vec<u32> = (0..CLASSES.len() as u32).collect();
    let count = |class: &u32| images.labels().iter().filter(|&&l| u32::from(l) == *class).count();
    let counts: Vec<u32> = labels.iter().map(|class| count(class) as u32).collect();
    Ok(df!("class" => CLASSES, "label" => labels, "images" => counts)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::FashionMnist;

    #[test]
    fn the_subset_is_balanced() {
        let data = FashionMnist::subset().unwrap();
        for (images, each) in [(&data.train, 256), (&data.test, 100)] {
            let table = count_by_class(images).unwrap();
            let counts = table.column("images").unwrap().u32().unwrap();
            assert!(counts.len() == CLASSES.len() && counts.iter().all(|n| n == Some(each)));
        }
    }
}
