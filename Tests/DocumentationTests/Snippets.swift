import DiffusionModels
import Distillation
import Foundation

/// The README's Swift, line by line, so that the compiler reads it; `ReadmeTests` holds the two against each other and runs it.
enum Snippets {
    static func generate() throws -> Picture {
        let student = try TextToImageModel(contentsOf: URL(filePath: "Examples/Models/emoji-student"))
        let picture = try student.picture(for: "a red heart", seed: 0)
        return picture
    }

    static func write(_ picture: Picture) throws {
        try PNG.write(picture, to: URL(filePath: "heart.png"))
    }

    static func sample() throws {
        let teacher = try TextToImageModel(contentsOf: URL(filePath: "Examples/Models/emoji-teacher"))
        var sampler = try teacher.samples(for: "a red heart", steps: 25, guidanceScale: 4.5, seed: 0)
        while let step = try sampler.next() {
            let preview = try teacher.pictures(from: step.predictedOriginal)[0]
            print(step.index, preview.width)
        }
    }

    static func distil(_ teacher: TextToImageModel) throws {
        let distiller = try Distiller(
            teacher: teacher, loss: VariationalScoreDistillation(), prompts: ["a red heart", "a blue heart"])
        for step in distiller.prefix(10) {
            print(step.studentLoss, step.fakeScoreLoss, step.studentGradientNorm)
        }
    }
}
