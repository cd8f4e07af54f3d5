import Autograd
import DiffusionModels
import Foundation
import SwiftBrushRuntime
import Tensor

extension RunDirectory {
    /// The folder of the trained teacher.
    public var teacher: URL { url.appending(path: "teacher") }
    /// The folder of a tokenizer trained on the captions.
    public var tokenizer: URL { url.appending(path: "tokenizer") }
    /// The folder of the run that trained the autoencoder.
    public var autoencoder: URL { url.appending(path: "autoencoder") }

    /// The file to which ``savePrompts(of:sampledBy:seed:)`` writes the names of a split's pictures, one per line, for distillation.
    public func prompts(_ split: CaptionedPicture.Split) -> URL { url.appending(path: "prompts/\(split.rawValue).txt") }
    /// The file to which ``savePrompts(of:sampledBy:seed:)`` writes captions sampled as in training.
    public var sampledPrompts: URL { url.appending(path: "prompts/sampled.txt") }

    /// Trains the run's ``tokenizer`` on the captions. In a resumed run the result must equal the existing tokenizer, which is kept.
    ///
    /// Throws `RunError.unsuitable(path:expected:found:)` if it differs, and what the file system throws.
    public func learnTokenizer(from pictures: CaptionedPictures, mix: CaptionMix, vocabularySize: Int) throws {
        // Named like a temporary file, so that it is removed after a kill.
        let stage = url.appending(path: ".tokenizer.\(UUID().uuidString).partial")
        defer { try? FileManager.default.removeItem(at: stage) }
        try CLIPTokenizer.learn(
            from: pictures.captions.flatMap { mix.vocabulary(of: $0) }, vocabularySize: vocabularySize,
            maximumLength: 20, to: stage)
        let files = FileManager.default
        guard files.fileExists(atPath: tokenizer.path) else {
            return try FileError.attempt(.writing, tokenizer.path) { try files.moveItem(at: stage, to: tokenizer) }
        }
        for name in ["vocab.json", "merges.txt"]
        where !files.contentsEqual(
            atPath: stage.appending(path: name).path, andPath: tokenizer.appending(path: name).path)
        {
            throw RunError.unsuitable(
                path: tokenizer.path, expected: "the tokenizer of these captions and this vocabulary", found: "another")
        }
    }

    /// Writes the names of the pictures of both splits, and two sampled captions per training picture, from all levels of detail: a
    /// student distilled on names alone does not learn coarse captions. Throws what the file system throws.
    public func savePrompts(of pictures: CaptionedPictures, sampledBy mix: CaptionMix, seed: UInt64) throws {
        try DurableFile.makeFolder(sampledPrompts.deletingLastPathComponent())
        func write(_ lines: [String], to file: URL) throws {
            try DurableFile.write(Data(lines.map { $0 + "\n" }.joined().utf8), to: file)
        }
        for split in [CaptionedPicture.Split.train, .heldOut] {
            try write(pictures.split(split).map { pictures.captions[$0].text }, to: prompts(split))
        }
        var (mix, stream) = (mix, RandomStream(seed: seed).split("prompts"))
        mix.emptyRate = 0
        let captions = pictures.split(.train).flatMap { index in
            (0..<2).map { _ in mix.caption(of: pictures.captions[index], using: &stream) }
        }
        try write(captions, to: sampledPrompts)
    }

    /// Saves the averaged networks as the run's ``teacher``, loads it, saves a grid of its samples, and appends its
    /// ``DenoisingErrors`` to `x0-errors.jsonl`.
    ///
    /// Throws what the file system throws, `ModelError`, and ``TrainingError``.
    public func saveSheet(of teacher: TextToImageModel, step: Int, pictures: CaptionedPictures) throws {
        try teacher.save(to: self.teacher, scalarType: .float16)
        let model = try TextToImageModel(contentsOf: self.teacher)
        // The errors are already there if the process ended between writing them and the grid.
        let name = TeacherErrors.fileName
        if try !metrics(TeacherErrors.self, in: name).contains(where: { $0.step == step }) {
            try record(TeacherErrors(of: model, step: step, on: pictures), in: name)
        }
        let shown = try SheetPictures(of: pictures)
        let sheet = try shown.sheet(of: model)
        let names = shown.pictures.captions.map(\.text).joined(separator: "\n")
        try PNG.write(sheet, text: ["prompts": names, "step": "\(step)"], to: self.sheet(step: step))
    }
}

extension RunDirectory {
    /// Saves a grid of pictures with their reconstructions from the latents' means below them. Throws ``TrainingError``, and what
    /// the file system throws.
    public func saveSheet(of autoencoder: AutoencoderKL, step: Int, pictures: CaptionedPictures) throws {
        let shown = try SheetPictures(of: pictures)
        let latents =
            try autoencoder.latents(of: shown.pictures) * Float(1 / autoencoder.configuration.scalingFactor)
        let decoded = autoencoder.decode(Variable(latents)).value
        let below = try (0..<shown.pictures.count).map { index in
            try Picture(decoded.gathered(rows: [index]).reshaped(to: Array(decoded.shape.dropFirst())))
        }
        try PNG.write(shown.beside(below), text: ["step": "\(step)"], to: sheet(step: step))
    }
}

/// A line of `x0-errors.jsonl`: the errors by timestep, see ``DenoisingErrors``.
struct TeacherErrors: TrainingStep {
    static let fileName = "x0-errors.jsonl"

    let step: Int
    var trainOwnText: [String: Double]?
    var trainOtherText: [String: Double]?
    var heldOutOwnText: [String: Double]?
    var heldOutOtherText: [String: Double]?

    /// Measures a model on up to 64 pictures per split. Splits with fewer than two different texts are skipped.
    init(of model: TextToImageModel, step: Int, on pictures: CaptionedPictures) throws {
        self.step = step
        func errors(_ split: CaptionedPicture.Split) throws -> (own: [String: Double]?, other: [String: Double]?) {
            let indices = pictures.split(split, atMost: 64)
            guard Set(indices.map { pictures.captions[$0].text }).count > 1 else { return (nil, nil) }
            let rows = try DenoisingErrors(of: model, on: pictures.subset(indices)).rows
            func byTimestep(_ value: (DenoisingErrors.Row) -> Double) -> [String: Double] {
                Dictionary(uniqueKeysWithValues: rows.map { ("t = \($0.timestep)", value($0)) })
            }
            return (byTimestep(\.ownText), byTimestep(\.otherText))
        }
        (trainOwnText, trainOtherText) = try errors(.train)
        (heldOutOwnText, heldOutOtherText) = try errors(.heldOut)
    }
}
