/// A command that converts PyTorch pickles to one safetensors file without running the code in them.
public struct PickleConversion: Sendable {
    /// The paths of the pickles: one, or the shards of one network.
    public let sources: [String]
    /// The path of the safetensors file.
    public let target: String

    /// A conversion of `sources` to `target`. If `target` is the only source, the source is renamed first.
    public init(of sources: [String], to target: String) {
        (self.sources, self.target) = (sources, target)
    }

    /// The shell command. `torch` and `safetensors` must be installed for its `python`.
    ///
    /// It reads the tensors that Lightning checkpoints store under `state_dict` and textual inversions under `string_to_param`.
    public var command: String {
        let renaming = sources == [target] ? "os.rename(a[0], a[0] + '.pickle'); " : ""
        let program =
            "import os, sys, torch, safetensors.torch as s; a = sys.argv[1:]; "
            + "l = [torch.load(p, 'cpu', weights_only=True) for p in a[:-1]]; \(renaming)"
            + "s.save_file({'emb_params' if k == '*' else k: v.detach().clone().contiguous() for d in l "
            + "for k, v in d.get('state_dict', d.get('string_to_param', d)).items() if torch.is_tensor(v)}, a[-1])"
        return "python -c \"\(program)\" " + (sources + [target]).map(Self.quoted).joined(separator: " ")
    }

    /// A path quoted as one word for a shell.
    private static func quoted(_ path: String) -> String {
        let plain = path.utf8.allSatisfy { byte in
            UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte || UInt8(ascii: "A")...UInt8(ascii: "Z") ~= byte
                || UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte || "/._-+=:,@%".utf8.contains(byte)
        }
        if plain, !path.isEmpty, !path.hasPrefix("-") { return path }
        let word = path.hasPrefix("-") ? "./\(path)" : path
        return "'\(word.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''"))'"
    }
}
