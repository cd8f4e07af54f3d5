import Autograd
import Foundation
import Tensor

/// Pictures of many prompts, drawn batch by batch into a folder: pull ``next()`` until it gives nil.
///
/// The folder gets a PNG file a picture, by the number of its prompt and, of several, its own (`0012-003.png`, from 1); a ``PictureList`` of
/// those that are there; and `generation.json` with the settings and the time. What is there is not drawn again, so that a generation that
/// was stopped goes on.
///
/// Picture n, from 0, is drawn from the noise of seed `seed + n`, and its file names that seed: whatever the batch, and wherever the
/// generation was stopped, it is the picture of its prompt and seed, up to the rounding of Float32.
public struct PictureGeneration {
    /// Where the pictures go.
    public let folder: URL
    /// What they show.
    public let prompts: [String]
    /// How many of each prompt.
    public let picturesPerPrompt: Int
    /// What the pictures took so far, in all calls.
    public private(set) var time: GenerationTime

    private let model: TextToImageModel
    private let encoder: PromptEncoder
    private let sampling: PictureSampling
    /// What a user should know of the sampler's settings.
    public let warnings: [String]
    private let unconditional: Tensor
    /// Of every prompt, so that a picture does not depend on the others of its batch.
    private let windows: Int
    private let seed: UInt64
    private let size: LatentSize
    private let batchSize: Int
    private let settings: [String: String]
    private let record: [String: String]
    private let lock: FolderLock
    /// Which pictures are there.
    private var drawn: Set<Int> = []
    /// The batches of which something is still to be drawn. A batch is drawn as a whole, so that where it was stopped leaves no trace.
    private var batches: ArraySlice<Range<Int>>

    /// A generation, begun or gone on with.
    ///
    /// - Parameters:
    ///   - prompts: at least one, a line of a ``PromptFile`` each.
    ///   - picturesPerPrompt: how many pictures of each.
    ///   - model: what draws.
    ///   - sampling: how.
    ///   - seed: of the first picture.
    ///   - size: of the latents; nil means what the network was trained on.
    ///   - record: what else the pictures depend on, such as the model's name: stored in each file.
    ///   - folder: made if it is missing; otherwise empty, or begun with the same settings.
    ///   - batchSize: how many pictures are drawn at a time.
    ///
    /// Throws ``ModelError`` for an argument out of range, a model that cannot be sampled so, and a folder that holds something else; and what
    /// the file system throws.
    public init(
        of prompts: [String], picturesPerPrompt: Int = 1, by model: TextToImageModel, _ sampling: PictureSampling,
        seed: UInt64 = 0, size: LatentSize? = nil, record: [String: String] = [:], in folder: URL, batchSize: Int = 8
    ) throws {
        var (sampling, startWarnings) = (sampling, [String]())
        switch sampling {
        case .oneStep:
            if model.oneStep == nil { throw ModelError.notOneStepModel(path: model.checkpoint.url.path) }
        case .steps(var settings):
            var sampler = try model.sampler(for: settings, operation: "PictureGeneration")
            settings.sampler = sampler
            sampling = .steps(settings)
            startWarnings = try sampler.begin(steps: settings.steps).startWarnings
        }
        let counts = [
            ("prompts", prompts.count), ("picturesPerPrompt", picturesPerPrompt), ("batchSize", batchSize),
        ]
        for (name, count) in counts where count < 1 {
            throw ModelError.invalidArgument(
                operation: "PictureGeneration", argument: name, expected: "at least 1", found: "\(count)")
        }
        (self.prompts, self.picturesPerPrompt, self.model, self.sampling) = (
            prompts, picturesPerPrompt, model, sampling
        )
        (self.seed, self.folder, self.batchSize) = (seed, folder, batchSize)
        self.size = size ?? model.latentSize
        try model.checkMemory(
            count: min(batchSize, prompts.count.multipliedReportingOverflow(by: picturesPerPrompt).partialValue),
            size: self.size, operation: "PictureGeneration")
        encoder = try model.promptEncoder()
        let chosen: SamplingSettings? = if case .steps(let settings) = sampling { settings } else { nil }
        let negativePrompt = chosen?.negativePrompt ?? ""
        windows = encoder.windowCount(for: prompts + [negativePrompt])
        unconditional = try encoder.embeddings(for: [negativePrompt], windows: windows).values
        warnings = (chosen?.sampler?.warnings ?? []) + startWarnings
        self.record = record.merging(sampling.record) { $1 }.merging(model.promptRecord) { $1 }
        settings = self.record.merging([
            "prompts": "\(prompts.count) (\(StableHash(of: prompts)))", "pictures per prompt": "\(picturesPerPrompt)",
            "seed": "\(seed)", "latents": "\(self.size.height) × \(self.size.width)",
            "weights": "\(StableHash(of: model, encoder))",
        ]) { $1 }
        (lock, time) = try GenerationRecord.begin(settings, in: folder)
        batches = []
        let count = prompts.count * picturesPerPrompt
        let all = stride(from: 0, to: count, by: batchSize).map { $0..<min($0 + batchSize, count) }
        drawn = try Set((0..<count).filter(isWhole))
        batches = all.filter { !$0.allSatisfy(drawn.contains) }[...]
        try writeList()
    }

    /// How many pictures there will be.
    public var count: Int { prompts.count * picturesPerPrompt }

    /// How many are in the batches that are still to be drawn.
    public var missingCount: Int { batches.reduce(0) { $0 + $1.count } }

    /// Draws the next batch. Gives ``missingCount`` after it, nil when there was nothing to draw.
    ///
    /// Throws ``ModelError`` when latents are infinite or not a number, and `FileError`.
    public mutating func next() throws -> Int? {
        guard let batch = batches.first else { return nil }
        let start = ContinuousClock.now
        let texts = batch.map(prompt)
        let condition = try encoder.embeddings(for: texts, windows: windows).values(for: texts)
        var noise = LatentNoise(streams: batch.map { RandomStream(seed: seed(of: $0)) })
        let latents = noise.next(
            height: size.height, width: size.width, channels: model.unet.configuration.inputChannels)
        let networkStart = ContinuousClock.now
        let sampled = try sample(latents, noise, condition)
        let networkTime = ContinuousClock.now - networkStart
        var added: [PictureEntry] = []
        for (number, picture) in try zip(batch, model.pictures(from: sampled)) where !drawn.contains(number) {
            try PNG.write(picture, text: text(of: number), to: file(number))
            drawn.insert(number)
            added.append(entry(number))
        }
        try PictureList.append(added, in: folder)
        batches.removeFirst()
        time.add(batch.count, network: networkTime, whole: ContinuousClock.now - start)
        try GenerationRecord(settings: settings, time: time).write(in: folder)
        // Those that were there before may have stood further down.
        if batches.isEmpty { try writeList() }
        return missingCount
    }

    private func sample(_ latents: Tensor, _ noise: LatentNoise, _ condition: Tensor) throws -> Tensor {
        guard case .steps(let settings) = sampling, let sampler = settings.sampler else {
            guard let student = model.student else { preconditionFailure("PictureGeneration: expected a student") }
            return student.generate(from: Variable(latents), given: condition).value
        }
        var steps = try DiffusionSampler(
            sampler, network: model.unet, predictionType: model.schedule.predictionType, condition: condition,
            guidance: settings.guidance(from: unconditional), steps: settings.steps, latents: latents, noise: noise)
        return try steps.last()?.latents ?? latents
    }
}

extension PictureGeneration {
    private func prompt(of number: Int) -> String { prompts[number / picturesPerPrompt] }
    private func seed(of number: Int) -> UInt64 { seed &+ UInt64(number) }
    private func file(_ number: Int) -> URL { folder.appending(path: name(of: number)) }

    /// Whether a picture is there and whole; a damaged one is said, and drawn again. Throws ``ModelError`` for a file of that name that is
    /// no picture: it is not this generation's.
    private func isWhole(_ number: Int) throws -> Bool {
        let file = file(number)
        guard FileManager.default.fileExists(atPath: file.path) else { return false }
        switch PNG.wholeness(of: try FileContents.read(file)) {
        case .whole: return true
        case .damaged:
            StandardError.write(line: "\(file.path) is damaged and is drawn again")
            return false
        case .foreign:
            throw ModelError.unreadableFile(
                path: file.path,
                reason: "expected a picture of this generation, which would be drawn here; move the file away")
        }
    }

    /// Names sort as their numbers do.
    private func name(of number: Int) -> String {
        func digits(_ number: Int, of count: Int) -> String {
            let (digits, width) = ("\(number + 1)", "\(count)".count)
            return String(repeating: "0", count: width - digits.count) + digits
        }
        let line = digits(number / picturesPerPrompt, of: prompts.count)
        if picturesPerPrompt == 1 { return "\(line).png" }
        return "\(line)-\(digits(number % picturesPerPrompt, of: picturesPerPrompt)).png"
    }

    private func entry(_ number: Int) -> PictureEntry {
        PictureEntry(fileName: name(of: number), text: prompt(of: number))
    }

    private func text(of number: Int) -> [String: String] {
        record.merging([
            "prompt": prompt(of: number), "seed": "\(seed(of: number))", "Software": "SwiftBrush \(SwiftBrush.version)",
        ]) { $1 }
    }

    private func writeList() throws {
        try PictureList.write(drawn.sorted().map(entry), in: folder)
    }
}

extension StableHash {
    fileprivate init(of prompts: [String]) {
        self.init()
        for prompt in prompts { combine("\(prompt)\n".utf8) }
    }

    /// Of some weights of every part.
    fileprivate init(of model: TextToImageModel, _ encoder: PromptEncoder) {
        self.init()
        for parameters in [model.unet.parameters, model.decoder.parameters, encoder.textEncoder.parameters] {
            combine(parameters.sample)
        }
    }
}
