/// What a file that is no safetensors file may be, told by its first bytes.
public enum ForeignFormat: String, Sendable, CaseIterable {
    /// What `torch.save` writes, in its zip archive or as the bare pickle of versions before 1.6.
    case pickle = "a Python pickle"
    /// llama.cpp's and stable-diffusion.cpp's.
    case gguf = "a GGUF file, whose weights are quantised"
    /// A Git LFS pointer.
    case lfsPointer = "a Git LFS pointer, which stands for the file"
    /// A page of a web server.
    case webPage = "a web page"
    /// A JSON file, such as a server's answer.
    case json = "a JSON text"
    /// A zip archive of something else.
    case zip = "a zip archive"
    /// A file compressed by gzip.
    case gzip = "a file compressed by gzip"
    /// A picture.
    case picture = "a picture"

    /// Nil where the bytes tell nothing.
    init?(_ file: some Collection<UInt8>) {
        func begins(_ bytes: [UInt8]) -> Bool { file.starts(with: bytes) }
        func begins(_ text: String) -> Bool { file.starts(with: text.utf8) }
        let words = String(decoding: file.prefix(256), as: UTF8.self).drop { $0.isWhitespace || $0 == "\u{FEFF}" }
        if begins("PK\u{3}\u{4}") {
            // The first entry of PyTorch's archives is their pickle.
            self = words.contains("data.pkl") ? .pickle : .zip
        } else if file.count > 1, file.first == 0x80, let version = file.dropFirst().first, (2...5).contains(version) {
            self = .pickle
        } else if begins("GGUF") {
            self = .gguf
        } else if begins("version https://git-lfs") {
            self = .lfsPointer
        } else if begins([0x1f, 0x8b]) {
            self = .gzip
        } else if begins([0x89, 0x50, 0x4e, 0x47]) || begins([0xff, 0xd8, 0xff]) {
            self = .picture
        } else if words.hasPrefix("<") {
            self = .webPage
        } else if words.hasPrefix("{") || words.hasPrefix("[") {
            self = .json
        } else {
            return nil
        }
    }

    /// What to do with a file of this kind that has the name of a safetensors file.
    func advice(for path: String) -> String {
        switch self {
        case .pickle:
            "pickles are never read because they can run code; convert it with: "
                + PickleConversion(of: [path], to: Self.target(for: path)).command
        case .gguf: "take the model in Float32, Float16 or BFloat16 instead"
        case .lfsPointer: "fetch the file with git lfs pull"
        case .webPage, .json: "where a download failed, such a text is saved in place of the file: fetch it again"
        case .zip, .gzip: "unpack it first"
        case .picture: "name a file of weights"
        }
    }

    /// Where a pickle's tensors go: beside it with the right extension, or in its place if it has that already.
    private static func target(for path: String) -> String {
        let name = path.split(separator: "/").last ?? ""
        if name.hasSuffix(".safetensors") { return path }
        guard let dot = name.lastIndex(of: "."), dot > name.startIndex else { return path + ".safetensors" }
        return path.dropLast(name.distance(from: dot, to: name.endIndex)) + ".safetensors"
    }
}
