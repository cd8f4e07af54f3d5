import Foundation
import Tensor

/// A published student that a folder or file looks like, and what it was recognised by.
public struct RecognizedStudent: Sendable {
    /// The student.
    public let student: PublishedStudent
    /// What it was recognised by: a field of its configurations, or a name. A name is only as good as whoever gave it.
    public let evidence: String

    /// Recognises a diffusers folder, a single file or a LoRA; nil if it looks like no published student.
    ///
    /// Networks of latent consistency models and SDXS are recognised by their configuration, SD-Turbo and SDXL-Turbo by their scheduler. The others
    /// differ from their teachers only in the weights: they are recognised by their name in the path, in `_name_or_path`, or in the metadata of a
    /// safetensors file. A folder with `one_step.json`, or a LoRA with these fields in its metadata, is a student of this library and needs no
    /// recognition.
    public init?(at url: URL) {
        let files = FileManager.default
        guard !files.fileExists(atPath: url.appending(path: OneStepConfiguration.fileName).path) else { return nil }
        let index = Self.fields(url.appending(path: DiffusersFolder.indexName))
        let isAdapter = index == nil && Self.isAdapter(url)
        if isAdapter, (try? LowRankWeights(contentsOf: url))?.oneStep != nil { return nil }
        let found =
            Self.named(in: url, index, isAdapter: isAdapter)
            ?? index.flatMap { Self.configured($0, url) } ?? (isAdapter ? nil : Self.fileWithGuidance(url))
        guard let found else { return nil }
        (student, evidence) = found
    }

    private static func fields(_ file: URL) -> [String: JSONValue]? {
        try? ConfigurationFields(contentsOf: file, purpose: "a configuration").values
    }

    private static func isAdapter(_ url: URL) -> Bool {
        if CheckpointKind(folder: url) == .lora { return true }
        return (try? SafetensorsFile(contentsOf: url)).map { CheckpointKind(tensors: $0.names) } == .lora
    }

    /// A single file of a latent consistency model.
    private static func fileWithGuidance(_ url: URL) -> (PublishedStudent, String)? {
        let names = (try? SafetensorsFile(contentsOf: url))?.names ?? []
        guard let name = names.first(where: { $0.hasSuffix("time_embed.cond_proj.weight") }) else { return nil }
        return (.lcm, "the tensor \(name)")
    }

    /// By the networks' configurations, without names.
    private static func configured(_ index: [String: JSONValue], _ url: URL) -> (PublishedStudent, String)? {
        let unet = fields(url.appending(path: "unet/config.json")) ?? [:]
        let scheduler = fields(url.appending(path: "scheduler/scheduler_config.json")) ?? [:]
        if let width = unet["time_cond_proj_dim"], width != .null {
            return (.lcm, "time_cond_proj_dim \(width) of its UNet")
        }
        let sdxsBlocks = JSONValue.array(["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"])
        if unet["mid_block_type"] == .null, unet["down_block_types"] == sdxsBlocks, unet["layers_per_block"] == 1 {
            return (.sdxs, "its UNet of 3 blocks with one layer each and no middle block")
        }
        let isXL = index["_class_name"] == "StableDiffusionXLPipeline"
        let isSD2 = unet["cross_attention_dim"] == 1024
        let isTrailing = scheduler["timestep_spacing"] == "trailing" && scheduler["prediction_type"] != "v_prediction"
        switch (scheduler["_class_name"], isTrailing) {
        case ("EulerDiscreteScheduler", true) where isSD2 && !isXL:
            return (.turbo, "its scheduler, EulerDiscreteScheduler with trailing timesteps")
        case ("EulerAncestralDiscreteScheduler", true) where isXL:
            return (.turboXL, "its scheduler, EulerAncestralDiscreteScheduler with trailing timesteps")
        default: return nil
        }
    }

    /// Parts of names in lower case, with hyphens as the only punctuation; where several match, the first. LoRAs and models are told apart, unless
    /// both are published under one name.
    private static let names: [(parts: [String], isLoRA: Bool?, student: PublishedStudent)] = [
        (["swiftbrush", "v2"], false, .swiftBrush2), (["swiftbrush2"], false, .swiftBrush2),
        (["swiftbrush"], false, .swiftBrush), (["sid-lsg"], false, .sidLSG), (["sidlsg"], false, .sidLSG),
        (["sdxl-turbo"], false, .turboXL), (["sd-turbo"], false, .turbo),
        (["dmd2", "4step"], nil, .dmd2FourSteps), (["dmd2"], false, .dmd2OneStep),
        (["hyper-sd", "-1step"], true, .hyperUnified), (["hyper-sd", "-2step"], true, .hyperTwoSteps),
        (["hyper-sd", "-4step"], true, .hyperFourSteps), (["hyper-sd", "-1step"], false, .hyperOneStep),
        (["sdxs"], false, .sdxs), (["lcm"], true, .lcmLoRA),
    ]

    /// By a name in the path, the configurations or the file's metadata.
    private static func named(
        in url: URL, _ index: [String: JSONValue]?, isAdapter: Bool
    ) -> (PublishedStudent, String)? {
        var sources = [("its name", url.deletingPathExtension().lastPathComponent)]
        // A LoRA's folder names the file after its library.
        let isGeneric = LowRankLayout.allCases.contains { $0.fileName == url.lastPathComponent }
        if isGeneric { sources.append(("its folder's name", url.deletingLastPathComponent().lastPathComponent)) }
        let unet = fields(url.appending(path: "unet/config.json")) ?? [:]
        for (place, fields) in [(DiffusersFolder.indexName, index ?? [:]), ("unet/config.json", unet)] {
            if case .string(let name)? = fields["_name_or_path"] { sources.append(("_name_or_path in \(place)", name)) }
        }
        let metadata = (try? SafetensorsFile(contentsOf: url))?.metadata ?? [:]
        for key in ["modelspec.title", "ss_output_name"] { metadata[key].map { sources.append((key, $0)) } }
        for (source, name) in sources {
            let plain = String(name.lowercased().map { $0.isLetter || $0.isNumber ? $0 : "-" })
            let match = names.first { row in
                (row.isLoRA ?? isAdapter) == isAdapter && row.parts.allSatisfy { plain.contains($0) }
            }
            if let match { return (match.student, "\(source), \"\(name)\"") }
        }
        return nil
    }
}

extension RecognizedStudent: CustomStringConvertible {
    /// The student, the evidence, and how it is sampled.
    public var description: String {
        "looks like \(student.name), of \(student.teacher), by \(evidence): \(student.sampling)"
    }

    /// What to do with it, or with a LoRA of it, in terms of `text-to-image`.
    func advice(isLoRA: Bool = false) -> String {
        let use = isLoRA ? "text-to-image --lora" : "text-to-image"
        return "\(use) without --steps samples it so" + (student.options.map { "; the same as \($0)" } ?? "")
    }
}
