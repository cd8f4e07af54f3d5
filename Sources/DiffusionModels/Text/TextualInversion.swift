import Foundation
import Tensor

/// A token with learned embeddings (textual inversion, arXiv 2208.01618), read from files of diffusers or Stable Diffusion web UI.
///
/// A file of diffusers has one tensor, named after the token. A file of web UI has the tensor `emb_params`, and the token is the file's
/// name without its extension. A token with several vectors is replaced by as many tokens of the text encoder.
public struct TextualInversion: Sendable {
    /// The token's text in prompts.
    public let token: String
    /// The embeddings, `[vectors, width]`.
    public let vectors: Tensor

    /// A token and its embeddings, `[width]` or `[vectors, width]`.
    ///
    /// Throws ``ModelError`` for a tensor that is empty, of another rank, or not finite.
    public init(token: String, vectors: Tensor) throws {
        try self.init(token: token, vectors: vectors, operation: "TextualInversion")
    }

    /// Reads a file.
    ///
    /// - Parameters:
    ///   - url: a safetensors file.
    ///   - token: a name that replaces the file's own.
    ///
    /// Throws ``ModelError`` for pickles, with the command that converts them, for a file that is not a textual inversion or is one for
    /// Stable Diffusion XL, and as ``init(token:vectors:)`` does; and `SafetensorsError`.
    public init(contentsOf url: URL, token: String? = nil) throws {
        guard FileManager.default.fileExists(atPath: url.path) else {
            throw ModelError.missingFile(path: url.path, purpose: "a textual inversion's safetensors file")
        }
        if ModelError.isPickle(url.lastPathComponent) {
            throw ModelError.unreadableFile(path: url.path, reason: Self.pickleAdvice(url.lastPathComponent))
        }
        let file = try SafetensorsFile(contentsOf: url)
        if let name = file.names.first(where: { ["clip_l", "clip_g"].contains($0) }) {
            throw ModelError.unreadableFile(
                path: url.path,
                reason: "tensor \"\(name)\" is for Stable Diffusion XL, which is not supported")
        }
        let isWebUI = file.names.contains(Self.webUIName)
        guard let name = isWebUI ? Self.webUIName : file.names.first, isWebUI || file.names.count == 1 else {
            let found = file.names.isEmpty ? "none" : file.names.prefix(3).joined(separator: ", ")
            throw ModelError.unreadableFile(
                path: url.path,
                reason:
                    "expected a textual inversion: one tensor under its token's name, or \"\(Self.webUIName)\"; found \(found)"
            )
        }
        let own = isWebUI ? url.deletingPathExtension().lastPathComponent : name
        try self.init(token: token ?? own, vectors: file.tensor(name), operation: url.path)
    }

    private init(token: String, vectors: Tensor, operation: String) throws {
        guard [1, 2].contains(vectors.rank), vectors.count > 0, vectors.nonFiniteCount() == 0 else {
            let broken = vectors.nonFiniteCount()
            throw ModelError.invalidArgument(
                operation: operation, argument: token, expected: "finite embeddings [vectors, width]",
                found: "\(vectors.shape)\(broken > 0 ? " with \(broken) numbers that are not finite" : "")")
        }
        self.token = token
        self.vectors = vectors.rank == 2 ? vectors : vectors.reshaped(to: [1, vectors.count])
    }

    private static let webUIName = "emb_params"

    private static func pickleAdvice(_ name: String) -> String {
        "it is a pickle, and pickles are never read because they can run code; convert it with: "
            + "python -c \"import sys, torch, safetensors.torch; d = torch.load(sys.argv[1], 'cpu', weights_only=True); "
            + "d = {'\(webUIName)': d['string_to_param']['*']} if 'string_to_param' in d else d; "
            + "safetensors.torch.save_file({k: v.detach().clone() for k, v in d.items()}, sys.argv[2])\" "
            + "\(name) \(name.prefix { $0 != "." }).safetensors"
    }
}
