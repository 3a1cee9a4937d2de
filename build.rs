//! Compiles `proto/` without protoc and embeds the descriptors, comments and extension options included.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

#[path = "build/described.rs"]
mod described;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = Path::new("proto");
    let mut files = Vec::new();
    proto_files(root, &mut files)?;
    files.sort();
    for file in &files {
        println!("cargo:rerun-if-changed={}", file.display());
    }
    println!("cargo:rerun-if-changed=proto");
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=build");

    let mut compiler = protox::Compiler::new([root])?;
    compiler.include_imports(true).include_source_info(true);
    // Of the vendored files only what ours import is needed, and the error details, which answers carry and no file names.
    let vendored =
        |file: &&PathBuf| file.starts_with("proto/google") && !file.ends_with("google/rpc/error_details.proto");
    compiler.open_files(files.iter().filter(|file| !vendored(file)))?;

    let out = PathBuf::from(env::var("OUT_DIR")?);
    // prost-types would drop the extension options that hold the HTTP rules, so the encoded form is what is embedded.
    let descriptors = compiler.encode_file_descriptor_set();
    fs::write(out.join("descriptors.bin"), &descriptors)?;
    let pool = prost_reflect::DescriptorPool::decode(descriptors.as_slice())?;
    fs::write(out.join("described.rs"), described::generate(&pool)?)?;
    fs::write(out.join("patterns.rs"), described::patterns(&pool))?;

    tonic_prost_build::configure()
        .bytes(".")
        .extern_path(".google.rpc", "::tonic_types::pb")
        .emit_rerun_if_changed(false)
        .include_file("pb.rs")
        .compile_fds(compiler.file_descriptor_set())?;
    Ok(())
}

fn proto_files(dir: &Path, found: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            proto_files(&path, found)?;
        } else if path.extension().is_some_and(|ext| ext == "proto") {
            found.push(path);
        }
    }
    Ok(())
}
