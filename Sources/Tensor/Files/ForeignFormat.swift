/// The format of a file that is not a safetensors file, recognised by its first bytes.
public enum ForeignFormat: String, Sendable, CaseIterable {
    /// A file of `torch.save`: its zip archive, or the bare pickle of versions before 1.6.
    case pickle = "a Python pickle"
    /// The format of llama.cpp and stable-diffusion.cpp.
    case gguf = "a GGUF file, whose weights are quantised"
    /// A Git LFS pointer.
    case lfsPointer = "a Git LFS pointer instead of the file"
    /// A web page.
    case webPage = "a web page"
    /// A JSON file, such as a server's response.
    case json = "a JSON file"
    /// A zip archive of something else.
    case zip = "a zip archive"
    /// A file compressed by gzip.
    case gzip = "a file compressed by gzip"
    /// A PNG or JPEG image.
    case picture = "an image"

    /// Nil if the first bytes match no known format.
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

    /// Advice for a file of this format that was given in place of a safetensors file.
    func advice(for path: String) -> String {
        switch self {
        case .pickle:
            "pickles are never read because they can run code; convert it with: "
                + PickleConversion(of: [path], to: Self.target(for: path)).command
        case .gguf: "take the model in Float32, Float16 or BFloat16 instead"
        case .lfsPointer: "fetch the file with git lfs pull"
        case .webPage, .json: "a failed download often leaves such a file: download it again"
        case .zip, .gzip: "unpack it first"
        case .picture: "give the path of a weight file"
        }
    }

    /// The path for a pickle's tensors: next to it with the extension `.safetensors`, or its own path if it has that extension.
    private static func target(for path: String) -> String {
        let name = path.split(separator: "/").last ?? ""
        if name.hasSuffix(".safetensors") { return path }
        guard let dot = name.lastIndex(of: "."), dot > name.startIndex else { return path + ".safetensors" }
        return path.dropLast(name.distance(from: dot, to: name.endIndex)) + ".safetensors"
    }
}
