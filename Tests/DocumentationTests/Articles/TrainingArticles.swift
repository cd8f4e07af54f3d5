import DiffusionModels
import Distillation
import Foundation
import SwiftBrushRuntime
import SwiftBrushTeachers
import Testing

/// The code of the articles of SwiftBrushRuntime and SwiftBrushTeachers, block by block; `ArticleTests` compares it with the articles.
@Suite("Articles on trainings")
struct TrainingArticles {
    private let temporary = TemporaryFolder()
    private let prompts = ["a red heart", "a blue heart"]

    private var settings: DistillationConfiguration {
        var settings = DistillationConfiguration()
        (settings.batchSize, settings.adapterRank, settings.adapterAlpha) = (1, 2, 2)
        return settings
    }

    @Test("Runs that can be stopped")
    func runs() throws {
        let folder = temporary.file("run")
        let teacher = try TextToImageModel(contentsOf: URL(filePath: "Examples/Models/emoji-teacher"))
        try begin(folder, teacher)
        try resume(folder, teacher)
        #expect(FileManager.default.fileExists(atPath: folder.appending(path: "report.html").path))
    }

    private func begin(_ folder: URL, _ teacher: TextToImageModel) throws {
        let run = try RunDirectory(folder, resuming: false)
        let distiller = try Distiller(teacher: teacher, prompts: prompts, configuration: settings)
        try run.begin(distiller)
        try run.train(distiller, iterations: 2, checkpointEvery: 1) { step in print(step.step, step.studentLoss) }
        #expect(distiller.stepCount == 2)
    }

    private func resume(_ folder: URL, _ teacher: TextToImageModel) throws {
        let again = try RunDirectory(folder, resuming: true)
        let resumed = try Distiller(teacher: teacher, prompts: prompts, configuration: settings)
        try again.begin(resumed)
        try again.train(resumed, iterations: 3, checkpointEvery: 1)
        try RunReport(of: folder).write(to: again.report)
        #expect(try again.metrics().map(\.step) == [1, 2, 3])
    }

    @Test("Training in the background")
    func background() async throws {
        let teacher = try await TextToImageModel(contentsOf: URL(filePath: "Examples/Models/emoji-teacher"))
        let training = BackgroundTraining(try Distiller(teacher: teacher, prompts: prompts, configuration: settings))
        for try await step in training.steps(to: 2) { print(step.step, step.studentLoss) }
        let student = try await training.withTraining { try $0.studentModel(of: teacher) }
        #expect(student.oneStep != nil)
        #expect(await training.stepCount == 2)
    }

    @Test("Training a teacher")
    func teacher() throws {
        let folder = temporary.file("tokenizer")
        let pictures = try CaptionedPictures.shapes(side: 16)
        print(pictures.count, pictures.captions[0].text)

        try CLIPTokenizer.learn(
            from: pictures.captions.flatMap { [$0.text] + $0.keywords }, vocabularySize: 560, maximumLength: 20,
            to: folder)
        let tokenizer = try CLIPTokenizer(contentsOf: folder)

        var settings = AutoencoderTrainingConfiguration()
        settings.iterations = 3
        let training = try AutoencoderTrainer(pictures: pictures, configuration: settings)
        for _ in 0..<3 { print(try training.step().peakSignalToNoise) }
        let autoencoder = try training.trained()

        var teacherSettings = TeacherTrainingConfiguration()
        (teacherSettings.batchSize, teacherSettings.iterations) = (4, 3)
        let trainer = try TeacherTrainer(
            pictures: pictures, autoencoder: autoencoder, tokenizer: tokenizer, blockChannels: [16, 32],
            configuration: teacherSettings)
        for _ in 0..<3 { print(try trainer.step().loss) }
        let teacher = trainer.teacher(decodingWith: autoencoder, autoencoder: autoencoder)
        for row in try DenoisingErrors(of: teacher, on: pictures).rows {
            print(row.timestep, row.ownText, row.otherText)
        }
        try teacher.save(to: folder.appending(path: "teacher"))
        #expect(try TextToImageModel(contentsOf: folder.appending(path: "teacher")).oneStep == nil)

        let subject = try CaptionedPictures(
            pictures.captions.prefix(3).map { CaptionedPicture(fileName: $0.fileName, text: "sks shape") },
            Array(pictures.pictures.prefix(3)))
        var adapterSettings = AdapterTrainingSettings()
        (adapterSettings.batchSize, adapterSettings.priorPictures, adapterSettings.priorSteps) = (2, 2, 2)
        let adapting = try AdapterTrainer(
            model: teacher, pictures: subject, priorPrompts: ["red disc", "blue ring"], settings: adapterSettings)
        for _ in 0..<3 { print(try adapting.step().loss) }
        try adapting.adapters.save(to: folder.appending(path: "lora"), as: .diffusers, for: teacher)
        #expect(try LowRankWeights(contentsOf: folder.appending(path: "lora")).layers.isEmpty == false)
    }
}
