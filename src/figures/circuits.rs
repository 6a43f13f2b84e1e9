//! Circuits drawn by hand: SVG files to be edited, each with the PNG file rendered from it.
//!
//! After a change to `circuits/*.svg`, this renders the PNG files anew:
//! `INORM_RENDER_CIRCUITS=1 cargo test --lib circuits`. Without the variable the same test
//! requires that they are up to date. Letters are those of the project's own [`font`](super::font).

/// A drawing of a circuit.
#[derive(Debug, Clone, PartialEq)]
pub struct Circuit {
    /// Width and height, in pixels at the size shown.
    pub size: (f64, f64),
    /// The drawing as vectors, as it was drawn.
    pub svg: &'static str,
    /// The drawing as pixels, at twice the size shown.
    pub png: &'static [u8],
}

macro_rules! circuit {
    ($name:literal, $width:literal, $height:literal) => {
        Circuit {
            size: ($width, $height),
            svg: include_str!(concat!("circuits/", $name, ".svg")),
            png: include_bytes!(concat!("circuits/", $name, ".png")),
        }
    };
}

/// Fig. 1a: a feedforward network of excitatory and inhibitory units.
pub const NETWORK: Circuit = circuit!("network", 700.0, 330.0);
/// Fig. 3a: an I-Norm layer, forward and backward.
pub const I_NORM: Circuit = circuit!("i_norm", 700.0, 360.0);
/// Fig. 5a: the backward pass of an I-Norm layer with GradNorm.
pub const GRAD_NORM: Circuit = circuit!("grad_norm", 440.0, 360.0);
/// Lateral inhibition of errors, for Fig. 7.
pub const LATERAL: Circuit = circuit!("lateral", 700.0, 380.0);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::{font, palette, render::SHARPNESS};
    use resvg::{tiny_skia, usvg};

    fn render(circuit: &Circuit) -> Vec<u8> {
        let mut options = usvg::Options::default();
        for file in font::FILES {
            options.fontdb_mut().load_font_data(file.to_vec());
        }
        let tree = usvg::Tree::from_str(circuit.svg, &options).unwrap();
        let size = (f64::from(tree.size().width()), f64::from(tree.size().height()));
        assert_eq!(size, circuit.size);
        let scale = SHARPNESS as f32;
        let size = tree.size().to_int_size().scale_by(scale).unwrap();
        let mut pixels = tiny_skia::Pixmap::new(size.width(), size.height()).unwrap();
        resvg::render(&tree, tiny_skia::Transform::from_scale(scale, scale), &mut pixels.as_mut());
        let opaque = pixels.pixels().iter().flat_map(|p| [p.red(), p.green(), p.blue()]);
        palette::encode(&opaque.collect::<Vec<_>>(), size.width() as usize).unwrap()
    }

    /// Whether two pictures look the same: processors and compilers round edges differently.
    fn look_the_same(a: &[u8], b: &[u8]) -> bool {
        const SHADES: u8 = 8;
        let ((a, width), (b, other)) = (palette::decode(a).unwrap(), palette::decode(b).unwrap());
        width == other
            && a.len() == b.len()
            && a.iter().zip(&b).all(|(a, b)| a.abs_diff(*b) <= SHADES)
    }

    #[test]
    fn each_png_file_is_rendered_from_its_svg_file() {
        let circuits = [
            ("network", NETWORK),
            ("i_norm", I_NORM),
            ("grad_norm", GRAD_NORM),
            ("lateral", LATERAL),
        ];
        for (name, circuit) in circuits {
            let png = render(&circuit);
            assert!(png.len() <= 100_000, "{name}: {} bytes", png.len());
            let missing = circuit.svg.chars().find(|c| !c.is_whitespace() && !font::has(*c));
            assert_eq!(missing, None, "{name}: no such letter in the font");
            if std::env::var_os("INORM_RENDER_CIRCUITS").is_some() {
                let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/figures/circuits");
                std::fs::write(format!("{folder}/{name}.png"), png).unwrap();
            } else {
                let command = "INORM_RENDER_CIRCUITS=1 cargo test --lib circuits";
                let same = look_the_same(&png, circuit.png);
                assert!(same, "{name}.svg has changed: run {command}");
            }
        }
    }
}
