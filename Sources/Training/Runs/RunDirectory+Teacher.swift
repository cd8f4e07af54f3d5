import Autograd
import DiffusionModels
import Distillation
import Foundation
import Tensor

extension RunDirectory {
    /// Where a trained teacher is saved.
    public var teacher: URL { url.appending(path: "teacher") }
    /// Where a tokenizer that was learned from the captions is.
    public var tokenizer: URL { url.appending(path: "tokenizer") }
    /// The run in which the autoencoder was trained.
    public var autoencoder: URL { url.appending(path: "autoencoder") }

    /// Where ``savePrompts(of:sampledBy:seed:)`` writes the names of a split's pictures, a line each, as a distillation reads them.
    public func prompts(_ split: CaptionedPicture.Split) -> URL { url.appending(path: "prompts/\(split.rawValue).txt") }
    /// Where it writes captions as the training draws them.
    public var sampledPrompts: URL { url.appending(path: "prompts/drawn.txt") }

    /// Learns the run's ``tokenizer`` from the captions. That of a resumed run must come out the same, and stays as it is.
    ///
    /// Throws `DistillationError.run(path:expected:found:)` where it does not, and what the file system throws.
    public func learnTokenizer(from pictures: CaptionedPictures, mix: CaptionMix, vocabularySize: Int) throws {
        // Named as temporary files are, so that it is taken away after a kill.
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
            throw DistillationError.run(
                path: tokenizer.path, expected: "the tokenizer of these captions and this vocabulary", found: "another")
        }
    }

    /// Writes the names of both splits' pictures, and for each training picture two captions of all levels of detail: a student of
    /// names alone never learns the coarse ones. Throws what the file system throws.
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
        let drawn = pictures.split(.train).flatMap { index in
            (0..<2).map { _ in mix.caption(of: pictures.captions[index], using: &stream) }
        }
        try write(drawn, to: sampledPrompts)
    }

    /// Saves the averaged networks as the run's ``teacher``, opens it, saves a sheet of what it draws, and adds its
    /// ``DenoisingErrors`` to `x0-errors.jsonl`.
    ///
    /// Throws what the file system throws, `ModelError`, and ``TrainingError``.
    public func saveSheet(of teacher: TextToImageParts, step: Int, pictures: CaptionedPictures) throws {
        try teacher.save(to: self.teacher, scalarType: .float16)
        let model = try TextToImageModel(contentsOf: self.teacher)
        // The sheet may be missing alone, when the process ended before it was written.
        let name = TeacherErrors.fileName
        if try !metrics(TeacherErrors.self, in: name).contains(where: { $0.step == step }) {
            try record(TeacherErrors(of: model, step: step, on: pictures), in: name)
        }
        let shown = SheetPictures(of: pictures)
        let sheet = try shown.sheet(of: model)
        let names = shown.pictures.captions.map(\.text).joined(separator: "\n")
        try PNG.write(sheet, text: ["prompts": names, "step": "\(step)"], to: self.sheet(step: step))
    }
}

extension RunDirectory {
    /// Saves a sheet of pictures above and what an autoencoder makes of their latents' means below. Throws ``TrainingError``,
    /// and what the file system throws.
    public func saveSheet(of autoencoder: AutoencoderKL, step: Int, pictures: CaptionedPictures) throws {
        let shown = SheetPictures(of: pictures)
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

    /// Measures a model on up to 64 pictures of each split; no split of fewer than two texts.
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
