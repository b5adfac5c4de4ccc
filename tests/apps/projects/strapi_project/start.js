// Starts Strapi on the database that the environment names; says READY when it answers.
const { createStrapi } = require('@strapi/strapi');

createStrapi({ appDir: __dirname, distDir: __dirname })
  .start()
  .then(() => console.log('READY'))
  .catch((error) => {
    console.error(error);
    process.exit(1);
  });
