import DiffusionModels
import Foundation
import SwiftBrushTestFixtures

extension FuzzedReader {
    static let tokenizers: [FuzzedReader] = [
        tokenizer("tokenizer-vocabulary", "vocab.json", .json, [FuzzedModel.vocabulary]),
        tokenizer("tokenizer-merges", "merges.txt", .text, [FuzzedModel.merges, "h e\r\nhe </w>\r\n"]),
        tokenizer("tokenizer-configuration", "tokenizer_config.json", .json, [FuzzedModel.tokenizerConfiguration]),
        tokenizer("tokenizer-special-tokens", "special_tokens_map.json", .json, [FuzzedModel.specialTokens]),
        tokenizer("tokenizer-added-tokens", "added_tokens.json", .json, [FuzzedModel.addedTokens]),
        tokenizer("tokenizer-single-file", "tokenizer.json", .json, [FuzzedModel.singleTokenizer], alone: true),
        FuzzedReader(
            "prompt", .text,
            texts: ["a photo of a Cat, 35mm", "caf\u{e9} \u{1F469}\u{200D}\u{1F52C} it's 2024 <|endoftext|>"]
        ) { _ in
            var tokenizers = [try CLIPTokenizer(contentsOf: Fixtures.url("tokenizer/small"))]
            tokenizers.append(tokenizers[0])
            tokenizers[1].readsPaddingTokenAsText = true
            return { [tokenizers] input in
                let prompt = String(decoding: input, as: UTF8.self)
                for tokenizer in tokenizers {
                    _ = tokenizer.encodeReportingTruncation(prompt)
                    _ = tokenizer.decode(tokenizer.tokens(of: prompt))
                }
            }
        },
        FuzzedReader("prompt-file", .text, texts: ["a cat\n\n  a dog \r\n"]) { folder in
            let file = folder.appending(path: "prompts.txt")
            return { input in
                try input.replace(file)
                _ = try PromptFile.read(file)
            }
        },
    ]

    /// A reader of one file of a tokenizer folder.
    private static func tokenizer(
        _ name: String, _ file: String, _ format: Format, _ seeds: [String], alone: Bool = false
    ) -> FuzzedReader {
        FuzzedReader(name, format, texts: seeds) { folder in
            try FuzzedModel.writeTokenizer(to: folder)
            if alone {
                for name in ["vocab.json", "merges.txt"] {
                    try FileManager.default.removeItem(at: folder.appending(path: name))
                }
            }
            return { input in
                try input.replace(folder.appending(path: file))
                let tokenizer = try CLIPTokenizer(contentsOf: folder)
                _ = tokenizer.decode(tokenizer.encode("he said <cat> caf\u{e9} <|endoftext|>") + [-1, .max])
            }
        }
    }
}
